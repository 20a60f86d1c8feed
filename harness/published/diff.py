"""The published collection of an organization against Lago's own answer."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from harness.collection.collection import Collection, Organization
from harness.foundation.errors import HarnessError
from harness.sources.error_texts import reading, shortened
from harness.sources.responses import items_of

KEY = "invoice_collections"


class Cell(NamedTuple):
    """What a row is about; Lago has rows without a currency."""

    month: str
    payment_status: str
    currency: str | None


class Figures(NamedTuple):
    """A row's figures; Lago's amounts are floating point, and given as their text says."""

    invoices_count: int
    amount_cents: Decimal


@dataclass(frozen=True)
class Pair:
    """A row here and at Lago; None where there is none."""

    cell: Cell
    here: Figures | None
    lago: Figures | None

    @property
    def state(self) -> str:
        """missing (here), unexpected (not at Lago), different, or equal."""
        if self.here is None or self.lago is None:
            return "missing" if self.here is None else "unexpected"
        # Equal to the nearest double is all that Lago can be.
        same_amount = float(self.here.amount_cents) == float(self.lago.amount_cents)
        same = same_amount and self.here.invoices_count == self.lago.invoices_count
        return "equal" if same else "different"

    @property
    def difference(self) -> Figures:
        """Here less Lago; nothing counts as 0."""
        here, lago = self.here or _NOTHING, self.lago or _NOTHING
        return Figures(
            here.invoices_count - lago.invoices_count, here.amount_cents - lago.amount_cents
        )


_NOTHING = Figures(0, Decimal(0))
_STATES = ("missing", "unexpected", "different", "equal")


@dataclass(frozen=True)
class Diff:
    """All rows, in the order of the report, and the months that were compared."""

    organization: Organization
    as_of_date: date
    against: str
    first_month: str
    last_month: str
    pairs: list[Pair]
    rows_of_other_months: int
    """How many rows there are here of months that were not compared."""

    @property
    def equal(self) -> bool:
        """Whether no row differs."""
        return all(pair.state == "equal" for pair in self.pairs)

    def as_json(self) -> dict[str, Any]:
        """Every row that differs, by how, and a summary per currency."""
        by_state = {
            state: [_row(pair) for pair in self.pairs if pair.state == state]
            for state in _STATES[:-1]
        }
        return {
            "organization_id": self.organization.id,
            "as_of_date": self.as_of_date.isoformat(),
            "against": self.against,
            "first_month": self.first_month,
            "last_month": self.last_month,
            "equal": self.equal,
            "rows_of_other_months": self.rows_of_other_months,
            **by_state,
            "currencies": [
                {"currency": currency, **counts, **_figures(difference, "_difference")}
                for currency, counts, difference in self.summary()
            ],
        }

    def as_text(self) -> Iterator[str]:
        """The same as lines; amounts in the currency's smallest unit."""
        title = self.organization.name or self.organization.id
        yield f"{title}, as of {self.as_of_date}, against {self.against}"
        yield f"months {self.first_month} to {self.last_month}; here, Lago, difference:"
        for pair in self.pairs:
            if pair.state != "equal":
                cell = f"{pair.cell.month} {pair.cell.payment_status:9} {_code(pair.cell.currency)}"
                figures = [pair.here, pair.lago, pair.difference]
                counts = ", ".join(f"{each.invoices_count:,}" if each else "-" for each in figures)
                cents = ", ".join(f"{each.amount_cents:,f}" if each else "-" for each in figures)
                yield f"  {pair.state:10}  {cell}  count {counts}  cents {cents}"
        for currency, rows, difference in self.summary():
            states = ", ".join(f"{number} {state}" for state, number in rows.items())
            yield (
                f"{_code(currency)}: {states}; difference {difference.invoices_count:,} invoices, "
                f"{difference.amount_cents:,f} cents"
            )
        if self.rows_of_other_months:
            yield f"not compared: {self.rows_of_other_months:,} rows here of other months"
        yield "all rows are equal" if self.equal else "there are differences"

    def summary(self) -> Iterator[tuple[str | None, dict[str, int], Figures]]:
        """Per currency: rows by state, and the sum of the differences that are none of rounding."""
        for currency in sorted({pair.cell.currency for pair in self.pairs}, key=_code):
            pairs = [pair for pair in self.pairs if pair.cell.currency == currency]
            states = [pair.state for pair in pairs]
            off = [pair.difference for pair in pairs if pair.state != "equal"]
            count = sum(each.invoices_count for each in off)
            cents = sum((each.amount_cents for each in off), Decimal(0))
            yield currency, {state: states.count(state) for state in _STATES}, Figures(count, cents)


def saved_answer(file: Path) -> Any:
    """The body of an answer that was saved as a file; raises HarnessError."""
    with reading(file, "give the JSON that Lago's invoice_collection gave"):
        return json.loads(file.read_text(encoding="utf-8-sig"), parse_float=Decimal)


def diff(collection: Collection, organization: Organization, body: Any, against: str) -> Diff:
    """Compare an organization's report with the body of Lago's answer.

    Only the months from the answer's first to its last are compared, as it may be of a few months;
    that of one currency begins and ends with the months that have rows.
    Raises HarnessError where it is no such answer.
    """
    items = items_of(body, KEY, against)
    lago: dict[Cell, Figures] = {}
    months: list[str] = []
    for item in items:
        months.append(_month(item, against))
        # A month without invoices is one with nulls at Lago, and one without rows here.
        if _is_empty(item):
            continue
        cell, figures = _read(item, months[-1], against)
        if cell in lago:
            raise HarnessError(f"{against} has two rows of {' '.join(map(str, cell))}")
        lago[cell] = figures
    if not months:
        months = [f"{month:%Y-%m}" for month in organization.months]
    first, last = min(months, default=""), max(months, default="")
    here = {
        Cell(f"{row.month:%Y-%m}", row.payment_status, row.currency): Figures(
            row.invoices_count, Decimal(row.amount_cents)
        )
        for row in organization.rows
        if first <= f"{row.month:%Y-%m}" <= last
    }
    cells: Iterable[Cell] = sorted(here | lago, key=lambda each: (*each[:2], _code(each.currency)))
    pairs = [Pair(cell, here.get(cell), lago.get(cell)) for cell in cells]
    others = len(organization.rows) - len(here)
    return Diff(organization, collection.as_of_date, against, first, last, pairs, others)


def _month(item: dict[str, Any], against: str) -> str:
    try:
        return f"{date.fromisoformat(item['month'][:10]):%Y-%m}"
    except (KeyError, TypeError, ValueError):
        raise HarnessError(f"{against} has a row without a month: {_shown(item)}") from None


def _is_empty(item: dict[str, Any]) -> bool:
    figures = (item.get("invoices_count"), item.get("amount_cents"))
    return item.get("payment_status") is None and all(
        each is None or (each == 0 and not isinstance(each, bool)) for each in figures
    )


def _read(item: dict[str, Any], month: str, against: str) -> tuple[Cell, Figures]:
    status, currency = item.get("payment_status"), item.get("currency")
    try:
        count, cents = _number(item["invoices_count"]), _number(item["amount_cents"])
        # JSON knows one kind of number: 3.0 is the integer 3, and 3.9 is no count.
        if count != int(count) or not isinstance(status, str):
            raise ValueError
        if not isinstance(currency, str | None):
            raise ValueError
    except (KeyError, ValueError):
        raise HarnessError(
            f"{against} has a row without figures, or with odd ones: {_shown(item)}; a count is a "
            "whole number, an amount is a number, payment_status and currency are text"
        ) from None
    return Cell(month, status, currency), Figures(int(count), cents)


def _number(value: object) -> Decimal:
    """A number of JSON, a double as its text says; raises ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError
    number = Decimal(str(value))
    if not (number.is_finite() and abs(number) < 10**38):
        raise ValueError
    return number


def _shown(item: dict[str, Any]) -> str:
    return shortened(json.dumps(item, default=float, ensure_ascii=False))


def _row(pair: Pair) -> dict[str, Any]:
    return {
        **pair.cell._asdict(),
        "here": _figures(pair.here) if pair.here else None,
        "lago": _figures(pair.lago) if pair.lago else None,
        "difference": _figures(pair.difference),
    }


def _figures(figures: Figures, suffix: str = "") -> dict[str, Any]:
    cents = figures.amount_cents
    return {
        f"invoices_count{suffix}": figures.invoices_count,
        f"amount_cents{suffix}": int(cents) if cents == cents.to_integral_value() else float(cents),
    }


def _code(currency: str | None) -> str:
    return currency or "(no currency)"

"""The figures of the HTML report: per organization, currency and month, exact but for ratios."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from harness.collection.collection import PAYMENT_STATUSES, Collection, Organization, Row
from harness.published.show import decimals_of, major_units, percent, rate


@dataclass(frozen=True)
class Sum:
    """Some invoices: how many, and their amount in the currency's smallest unit."""

    invoices_count: int
    amount_cents: int


@dataclass(frozen=True)
class MonthFigures:
    """One month in one currency: a sum per payment status, and all of them together."""

    month: date
    by_status: dict[str, Sum]

    @cached_property
    def invoiced(self) -> Sum:
        """All invoices that count, whatever their payment status."""
        sums = self.by_status.values()
        return Sum(sum(each.invoices_count for each in sums), sum(s.amount_cents for s in sums))

    @property
    def rate(self) -> Fraction | None:
        """What was collected of what was invoiced; None where that was nothing or less."""
        return rate(self.by_status["succeeded"].amount_cents, self.invoiced.amount_cents)


@dataclass(frozen=True)
class CurrencyFigures:
    """One currency of an organization: all months in order, the as-of month being the last."""

    code: str
    subunits_per_unit: int
    months: tuple[MonthFigures, ...]

    @property
    def partial(self) -> MonthFigures:
        """The as-of month, which is not over."""
        return self.months[-1]

    @property
    def complete(self) -> MonthFigures | None:
        """The last complete month; None in the first month of the report."""
        return self.months[-2] if len(self.months) > 1 else None

    @property
    def before(self) -> MonthFigures | None:
        """The month before the last complete one."""
        return self.months[-3] if len(self.months) > 2 else None

    @property
    def empty_months(self) -> list[date]:
        """The months without invoices."""
        return [each.month for each in self.months if not each.invoiced.invoices_count]

    @property
    def decimals(self) -> int:
        """How many decimals an amount has."""
        return decimals_of(self.subunits_per_unit)

    def money(self, cents: int) -> str:
        """The exact amount in units of the currency."""
        return major_units(cents, self.subunits_per_unit)


@dataclass(frozen=True)
class Tile:
    """A figure of the last complete month for a card, as texts."""

    label: str
    status: str | None
    figure: str
    detail: str
    change: str


def currency_figures(
    organization: Organization, collection: Collection
) -> Iterator[CurrencyFigures]:
    """The figures of each currency that the organization has invoices in, in order of code."""
    by_code: dict[str, dict[tuple[date, str], Row]] = {}
    for row in organization.rows:
        by_code.setdefault(row.currency, {})[row.month, row.payment_status] = row
    for code, cells in sorted(by_code.items()):
        months = tuple(_month_figures(cells, month) for month in organization.months)
        yield CurrencyFigures(code, collection.subunits_per_unit[code], months)


def tiles(figures: CurrencyFigures) -> Iterable[Tile]:
    """The card of the last complete month; empty where there is none."""
    now, before = figures.complete, figures.before
    if not now:
        return
    labelled = {"Invoiced": None, "Collected": "succeeded", "Open": "pending", "Failed": "failed"}
    for label, status in labelled.items():
        current = now.by_status[status] if status else now.invoiced
        earlier = (before.by_status[status] if status else before.invoiced) if before else None
        yield Tile(
            label,
            status,
            figures.money(current.amount_cents),
            counted(current.invoices_count),
            _change(current.amount_cents, earlier.amount_cents, figures) if earlier else "",
        )
    if now.rate is not None:
        detail = "collected / invoiced"
    elif now.invoiced.amount_cents < 0:
        detail = "less than nothing was invoiced"
    else:
        detail = "nothing was invoiced"
    points = ""
    if now.rate is not None and before and before.rate is not None:
        difference = now.rate - before.rate
        points = _signed_tenths(difference, " points") if difference else "no change"
    yield Tile("Collection rate", None, percent(now.rate), detail, points)


def counted(count: int) -> str:
    """A number of invoices in words."""
    return f"{count:,} invoice{'' if count == 1 else 's'}"


def _month_figures(cells: dict[tuple[date, str], Row], month: date) -> MonthFigures:
    found = {status: cells.get((month, status)) for status in PAYMENT_STATUSES}
    return MonthFigures(
        month,
        {
            status: Sum(row.invoices_count, row.amount_cents) if row else Sum(0, 0)
            for status, row in found.items()
        },
    )


def _change(now: int, before: int, figures: CurrencyFigures) -> str:
    if now == before:
        return "no change"
    text = ("+" if now > before else "") + figures.money(now - before)
    # A percentage of nothing, or of less, would mean nothing.
    return f"{text} ({_signed_tenths(Fraction(now - before, before), '%')})" if before > 0 else text


def _signed_tenths(ratio: Fraction, unit: str) -> str:
    return f"{Decimal(round(ratio * 1000)).scaleb(-1):+,.1f}{unit}"

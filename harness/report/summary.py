"""What leads the section of a currency: its last complete month in tiles, and its totals."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from harness.collection.sums import Sum, Sums
from harness.published.show import percent, tenths_of_percent
from harness.report.figures import YEAR, CurrencyFigures, counted, named

_MOST_TELLING = 2
"""A change of more than so many times what was there before says less as a percentage."""


@dataclass(frozen=True)
class Tile:
    """A figure of the last complete month for a card, as texts."""

    label: str
    status: str | None
    figure: str
    detail: str
    changes: tuple[tuple[str, date], ...]
    """Against the month before and the same month of the year before, where they are."""


@dataclass(frozen=True)
class Period:
    """Some months in a row, by the name that they have in a table."""

    name: str
    sums: Sums


def tiles(figures: CurrencyFigures) -> Iterable[Tile]:
    """The card of the last complete month; empty where there is none."""
    now = figures.complete()
    if not now:
        return
    earlier = [each for ago in (1, YEAR) if (each := figures.complete(ago))]
    labelled = {"Invoiced": None, "Collected": "succeeded", "Open": "pending", "Failed": "failed"}
    for label, status in labelled.items():
        current = _of(now, status)
        changes = (
            (_change(current.amount_cents, _of(each, status).amount_cents, figures), each.month)
            for each in earlier
        )
        yield Tile(
            label,
            status,
            figures.money(current.amount_cents),
            counted(current.invoices_count),
            tuple(changes),
        )
    if now.rate is not None:
        detail = "collected / invoiced"
    elif now.invoiced.amount_cents < 0:
        detail = "less than nothing was invoiced"
    else:
        detail = "nothing was invoiced"
    points = (
        (_points(now.rate - each.rate), each.month)
        for each in earlier
        if now.rate is not None and each.rate is not None
    )
    yield Tile("Collection rate", None, percent(now.rate), detail, tuple(points))


def periods(figures: CurrencyFigures) -> Iterator[Period]:
    """What there is so far of the month that is not over, and totals up to it."""
    if figures.partial:
        yield Period(f"{named(figures.partial[-1].month)} so far", Sums.of(figures.partial))
    if last := figures.last_months:
        count = "1 month" if len(last) == 1 else f"{len(last)} months"
        yield Period(f"{count} to {named(last[-1].month)}", Sums.of(last))
    year = figures.months[-1].month.year
    to_date = [each for each in figures.months if each.month.year == year]
    yield Period(f"{year} to date", Sums.of(to_date))


def _of(sums: Sums, status: str | None) -> Sum:
    return sums.by_status[status] if status else sums.invoiced


def _change(now: int, before: int, figures: CurrencyFigures) -> str:
    if now == before:
        return "no change"
    text = ("+" if now > before else "") + figures.money(now - before)
    # A percentage of nothing or less says nothing, nor does one of many times as much or of none.
    if before > 0 and abs(ratio := Fraction(now - before, before)) <= _MOST_TELLING:
        tenths = _signed_tenths(ratio)
        return f"{text} ({tenths}%)" if tenths else text
    return text


def _points(difference: Fraction) -> str:
    if not difference:
        return "no change"
    if abs(difference) >= 10:
        return ""
    tenths = _signed_tenths(difference)
    return f"{tenths} points" if tenths else "under 0.1 points"


def _signed_tenths(ratio: Fraction) -> str | None:
    tenths = tenths_of_percent(ratio)
    return f"{Decimal(tenths).scaleb(-1):+,.1f}" if tenths else None

"""The published collection for people and their programs: as a table, as CSV, as JSON."""

import csv
import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

from harness.collection.collection import PAYMENT_STATUSES, Collection, Organization
from harness.collection.sums import NOTHING, Sum, Sums

HEADER = (*(text for status in PAYMENT_STATUSES for text in ("", status)), "rate")
_COLUMNS = ("month", "payment_status", "currency", "invoices_count", "amount_cents")


def table(
    collection: Collection,
    organizations: Iterable[Organization],
    months: int,
    currency: str | None = None,
) -> Iterator[str]:
    """The lines of a block per organization and currency: the last `months` months, and their sum.

    Amounts are in major units with the currency's own number of decimals. The last column is the
    collection rate: the amount that succeeded of all; empty where all are nothing or less.
    """
    for organization in organizations:
        title = f"{organization.name or 'Organization'} ({organization.id})"
        currencies = sorted({row.currency for row in organization.rows})
        shown = [code for code in currencies if currency in (None, code)]
        if not shown:
            yield f"{title}: no collected invoices" + (f" in {currency}" if currency else "")
            yield ""
        for code in shown:
            yield f"{title}, {code}"
            yield from _block(organization, code, months, collection.subunits_per_unit[code])
            yield ""


def major_units(cents: int, subunits_per_unit: int) -> str:
    """The amount in units of the currency, exact, with thousands separated by commas."""
    decimals, unit, factor = _scale(subunits_per_unit)
    whole, rest = divmod(abs(cents) * factor, unit)
    sign = "-" if cents < 0 else ""
    return f"{sign}{whole:,}.{rest:0{decimals}}" if decimals else f"{sign}{whole:,}"


@cache
def _scale(subunits_per_unit: int) -> tuple[int, int, int]:
    decimals = decimals_of(subunits_per_unit)
    return decimals, 10**decimals, 10**decimals // subunits_per_unit


def decimals_of(subunits_per_unit: int) -> int:
    """How many decimals an exact amount in units of the currency needs."""
    return next(places for places in range(10) if 10**places % subunits_per_unit == 0)


def rows_as_csv(organizations: Iterable[Organization], months: int, currency: str | None) -> str:
    """The rows of the table as CSV, with the columns of the published one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("organization_id", *_COLUMNS))
    writer.writerows(each.values() for each in _records(organizations, months, currency))
    return text.getvalue()


def rows_as_json(
    collection: Collection, organizations: Iterable[Organization], months: int, currency: str | None
) -> dict[str, Any]:
    """The rows of the table for JSON, and the date as of which they are."""
    rows = list(_records(organizations, months, currency))
    return {"as_of_date": collection.as_of_date.isoformat(), "rows": rows}


def percent(ratio: Fraction | None) -> str:
    """A ratio, rounded to tenths of a percent; a dash for none.

    Only what is exactly 0% or 100% is called that; what is tenfold or more, either way, is not told
    in full.
    """
    if ratio is None:
        return "\N{EN DASH}"
    if abs(ratio.numerator) >= 10 * ratio.denominator:
        return "over 999.9%" if ratio > 0 else "under -999.9%"
    tenths = tenths_of_percent(ratio)
    if tenths == 0 and ratio:
        return "under 0.1%" if ratio > 0 else "under 0%"
    if tenths == 1000 and ratio != 1:
        return "over 99.9%" if ratio < 1 else "over 100%"
    return f"{'-' if tenths < 0 else ''}{abs(tenths) // 10}.{abs(tenths) % 10}%"


def tenths_of_percent(ratio: Fraction) -> int:
    """A ratio rounded to tenths of a percent, a half to the even one."""
    # As round(ratio * 1000), which makes two fractions more.
    tenths, rest = divmod(ratio.numerator * 1000, ratio.denominator)
    double = 2 * rest - ratio.denominator
    return tenths + (double > 0 or (double == 0 and tenths % 2 == 1))


def _records(
    organizations: Iterable[Organization], months: int, currency: str | None
) -> Iterator[dict[str, object]]:
    for organization in organizations:
        shown = set(organization.months[-months:])
        for row in organization.rows:
            if row.month in shown and currency in (None, row.currency):
                cell = {name: getattr(row, name) for name in _COLUMNS}
                yield {"organization_id": organization.id} | cell | {"month": str(row.month)}


def _block(organization: Organization, code: str, months: int, subunits: int) -> Iterator[str]:
    shown = organization.months[-months:]
    by_month = {month: dict(NOTHING) for month in shown}
    for row in organization.rows:
        if row.currency == code and row.month in by_month:
            by_month[row.month][row.payment_status] = Sum(row.invoices_count, row.amount_cents)
    sums = {f"{month:%Y-%m}": Sums(by_status) for month, by_status in by_month.items()}
    if len(shown) > 1:
        sums["total"] = Sums.of(list(sums.values()))
    lines = [(title.rjust(7), *cells(of, subunits)) for title, of in sums.items()]
    yield from aligned([("", "month".rjust(7), *HEADER), *(("", *line) for line in lines)])


def cells(sums: Sums, subunits: int) -> Iterator[str]:
    """A count and an amount for each payment status, and the rate, as in HEADER."""
    for each in sums.by_status.values():
        yield f"{each.invoices_count:,}"
        yield major_units(each.amount_cents, subunits)
    yield "" if sums.rate is None else percent(sums.rate)


def aligned(lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Lines of two titles and the cells below HEADER, or of less, in columns."""
    filled = [(*line, *[""] * (2 + len(HEADER) - len(line))) for line in lines]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    for line in filled:
        first, second, *texts, last = (
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        pairs = zip(texts[::2], texts[1::2], strict=True)
        shown = "".join(f"   {count} {amount}" for count, amount in pairs)
        yield f"{first}  {second}{shown}   {last}".rstrip()

"""The published collection for people and their programs: as a table, as CSV, as JSON."""

import csv
import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

from harness.collection.collection import PAYMENT_STATUSES, Collection, Organization

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


def rate(succeeded_cents: int, invoiced_cents: int) -> Fraction | None:
    """What was collected of what was invoiced; None where that was nothing or less."""
    return Fraction(succeeded_cents, invoiced_cents) if invoiced_cents > 0 else None


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
    cells = {
        (row.month, row.payment_status): (row.invoices_count, row.amount_cents)
        for row in organization.rows
        if row.currency == code
    }
    lines = [["month", *(text for status in PAYMENT_STATUSES for text in ("", status)), "rate"]]
    spans = [(f"{month:%Y-%m}", [month]) for month in shown]
    for title, span in [*spans, *([("total", shown)] if len(shown) > 1 else [])]:
        line, sums = [title], []
        for status in PAYMENT_STATUSES:
            found = [cells.get((month, status), (0, 0)) for month in span]
            count, cents = (sum(each) for each in zip(*found, strict=True))
            sums.append(cents)
            line += [f"{count:,}", major_units(cents, subunits)]
        ratio = rate(sums[PAYMENT_STATUSES.index("succeeded")], sum(sums))
        lines.append([*line, "" if ratio is None else percent(ratio)])
    widths = [max(len(text) for text in column) for column in zip(*lines, strict=True)]
    for line in lines:
        title, *texts, last = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        pairs = zip(texts[::2], texts[1::2], strict=True)
        cells_shown = "".join(f"   {count} {amount}" for count, amount in pairs)
        yield f"  {title}{cells_shown}   {last}".rstrip()

"""The published collection on one screen, however many organizations and currencies it has."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

import duckdb

from harness.collection.collection import PAYMENT_STATUSES, Published
from harness.published.origin import INVENTED
from harness.published.show import major_units, percent, rate, table

LINES = 34
_MONTHS = 12
_FEW = 4
_LARGEST = 5
_LONGEST_NAME = 40
_HEADER = ("", "", *(text for status in PAYMENT_STATUSES for text in ("", status)), "rate")


class _Sum(NamedTuple):
    """Some invoices: how many, and their amount in the currency's smallest unit."""

    invoices_count: int
    amount_cents: int


_Sums = dict[str, _Sum]
"""By payment status."""


def overview(version: Published) -> Iterator[str]:
    """The lines of the last twelve months, at most `LINES` of them.

    That is a block per organization and currency where these are few. Else it is a line per
    currency for all organizations together, and below it the largest of them.
    """
    names = version.organizations()
    title = f"Invoice collection as of {version.manifest['as_of_date']}, count and amount"
    invented = INVENTED if version.is_sample else ""
    if len(names) <= _FEW:
        collection = version.collection()
        lines = list(table(collection, collection.organizations.values(), _MONTHS))
        if len(lines) <= LINES - 2:
            yield from (f"{title} per month", invented, *lines)
            return
    yield from (f"{title} of the last {_MONTHS} months", invented)
    yield from _aligned(_summary(version, names))
    yield "Each month: harness show; of one organization: harness show --organization NAME"
    yield ""


def _summary(version: Published, names: dict[str, str | None]) -> Iterator[tuple[str, ...]]:
    """The cells of a header, and of the lines below it; some lines have fewer."""
    subunits = version.subunits_per_unit()
    sums = _sums(version)
    yield _HEADER if sums else ("", "no collected invoices")
    room = LINES - 5
    # A line of all, the largest, and a line of the rest.
    largest = max(0, min(_LARGEST, (room - 1) // max(len(sums), 1) - 2))
    by_size = sorted(sums, key=lambda code: -_all_of(sums[code].values()).invoices_count)
    shown = by_size if len(sums) <= room else by_size[: room - 1]
    for code in sorted(shown):
        found = sums[code]
        lines = [(_shortened(names.get(id_) or id_), [found[id_]]) for id_ in _by_amount(found)]
        more = len(lines) - largest
        if len(lines) > 1:
            lines = [("all organizations", list(found.values())), *lines[:largest]]
        for place, (title, of) in enumerate(lines):
            yield _line("" if place else code, title, of, subunits[code])
        if largest and more > 0:
            yield "", f"... and {more:,} more"
    if len(shown) < len(sums):
        yield "", f"... and {len(sums) - len(shown):,} more currencies"


def _by_amount(sums: dict[str, _Sums]) -> list[str]:
    """The organizations, the one with the largest amount first."""
    return sorted(sums, key=lambda id_: (-_all_of([sums[id_]]).amount_cents, id_))


def _sums(version: Published) -> dict[str, dict[str, _Sums]]:
    """By currency and organization, what was collected in the last twelve months."""
    as_of = date.fromisoformat(version.manifest["as_of_date"])
    with duckdb.connect(str(version.database), read_only=True) as connection:
        rows = connection.execute(
            "select currency, organization_id, payment_status,"
            " cast(sum(invoices_count) as bigint), cast(sum(amount_cents) as hugeint)"
            " from invoice_collection where month > ? - to_months(?)"
            " group by currency, organization_id, payment_status",
            [as_of.replace(day=1), _MONTHS],
        ).fetchall()
    found: dict[str, dict[str, _Sums]] = {}
    for code, id_, status, count, cents in rows:
        found.setdefault(code, {}).setdefault(id_, {})[status] = _Sum(count, cents)
    return found


def _all_of(sums: Iterable[_Sums]) -> _Sum:
    """All of them together, whatever their payment status."""
    cells = [cell for of_one in sums for cell in of_one.values()]
    return _Sum(
        sum(cell.invoices_count for cell in cells), sum(cell.amount_cents for cell in cells)
    )


def _line(code: str, title: str, sums: list[_Sums], subunits: int) -> tuple[str, ...]:
    cells, cents = [], []
    for status in PAYMENT_STATUSES:
        of_status = [each[status] for each in sums if status in each]
        cents.append(sum(each.amount_cents for each in of_status))
        cells.append(f"{sum(each.invoices_count for each in of_status):,}")
        cells.append(major_units(cents[-1], subunits))
    ratio = rate(cents[PAYMENT_STATUSES.index("succeeded")], sum(cents))
    return code, title, *cells, "" if ratio is None else percent(ratio)


def _aligned(lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    filled = [(*line, *[""] * (len(_HEADER) - len(line))) for line in lines]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    for line in filled:
        code, title, *cells = (
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        *figures, last = cells
        pairs = zip(figures[::2], figures[1::2], strict=True)
        shown = "".join(f"   {count} {amount}" for count, amount in pairs)
        yield f"{code}  {title}{shown}   {last}".rstrip()


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"

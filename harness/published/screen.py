"""The published collection on one screen, however many organizations and currencies it has."""

from collections.abc import Iterator
from datetime import date

import duckdb

from harness.collection.sums import NOTHING, Sum, Sums
from harness.collection.version import Published
from harness.published.origin import INVENTED
from harness.published.show import HEADER, aligned, cells, table

LINES = 34
_MONTHS = 12
_FEW = 4
_LARGEST = 5
_LONGEST_NAME = 40


def on_one_screen(version: Published) -> Iterator[str]:
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
    yield from aligned(_summary(version, names))
    yield "Each month: harness show; of one organization: harness show --organization NAME"
    yield ""


def _summary(version: Published, names: dict[str, str | None]) -> Iterator[tuple[str, ...]]:
    """The cells of a header, and of the lines below it; some lines have fewer."""
    subunits = version.subunits_per_unit()
    sums = _sums(version)
    yield ("", "", *HEADER) if sums else ("", "no collected invoices")
    room = LINES - 5
    # A line of all, the largest, and a line of the rest.
    largest = max(0, min(_LARGEST, (room - 1) // max(len(sums), 1) - 2))
    together = {code: Sums.of(list(found.values())) for code, found in sums.items()}
    by_size = sorted(sums, key=lambda code: -together[code].invoiced.invoices_count)
    shown = by_size if len(sums) <= room else by_size[: room - 1]
    for code in sorted(shown):
        found = sums[code]
        by_amount = sorted(found, key=lambda id_: (-found[id_].invoiced.amount_cents, id_))
        lines = [(_shortened(names.get(id_) or id_), found[id_]) for id_ in by_amount]
        more = len(lines) - largest
        if len(lines) > 1:
            lines = [("all organizations", together[code]), *lines[:largest]]
        for place, (title, of) in enumerate(lines):
            yield "" if place else code, title, *cells(of, subunits[code])
        if largest and more > 0:
            yield "", f"... and {more:,} more"
    if len(shown) < len(sums):
        yield "", f"... and {len(sums) - len(shown):,} more currencies"


def _sums(version: Published) -> dict[str, dict[str, Sums]]:
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
    found: dict[str, dict[str, dict[str, Sum]]] = {}
    for code, id_, status, count, cents in rows:
        of_currency = found.setdefault(code, {})
        of_currency.setdefault(id_, dict(NOTHING))[status] = Sum(count, cents)
    return {
        code: {id_: Sums(by_status) for id_, by_status in of_currency.items()}
        for code, of_currency in found.items()
    }


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"

"""Whether something has shrunk since the version that is published (rule 15)."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

import duckdb

from harness.check.findings import Finding, counted
from harness.collection.version import published_in
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.foundation.versions import newest_in

_ALLOWED = "--allow-shrink lets it pass"

Counts = dict[str, dict[date, int]]
"""Organizations by id: how many invoices were collected in each month of their report."""


def shrinkage_findings(
    home: Home, connection: duckdb.DuckDBPyConnection, as_of_date: date, allowed: bool
) -> Iterator[Finding]:
    """A finding for each organization that has shrunk in a build, or one that none has.

    It is compared with the current version, or where that is gone with the newest that is kept.
    They fail, unless `allowed`: then they warn. So does a published version that cannot be read, as
    nobody can tell then what has shrunk. The sample is never compared with: it is invented.
    """
    status: Literal["warn", "fail"] = "warn" if allowed else "fail"
    try:
        path = newest_in(home.published)
        if path is None:
            return
        version = published_in(path)
        if version.is_sample:
            return
        names = version.organizations()
        with duckdb.connect(str(version.database), read_only=True) as earlier:
            before = _counts(earlier)
    except (HarnessError, OSError, duckdb.Error, KeyError, TypeError, ValueError) as error:
        message = f"the published version cannot be compared with: {error}; or {_ALLOWED}"
        yield Finding("earlier version", "published version", status, message)
        return
    now = _counts(connection)
    for (id_,) in connection.execute(
        "select organization_id from stg_lago__organizations"
    ).fetchall():
        # One that begins after the as-of month has no months, and is there all the same.
        now.setdefault(id_, {})
    rows = [
        {"organization_id": id_, "organization_name": names[id_], **row}
        for id_ in names
        if (row := shrunken(before.get(id_, {}), now.get(id_), as_of_date))
    ]
    for row in rows:
        title = f"{row['organization_name'] or 'Organization'} ({row['organization_id']})"
        message = f"{title} has {_loss(row)}" + ("" if allowed else f"; {_ALLOWED}")
        yield Finding("earlier version", row["organization_id"], status, message, [row])
    if not rows:
        message = "no organization has lost more than single invoices since the published version"
        yield Finding("earlier version", "every organization", "pass", message)


def shrunken(
    earlier: dict[date, int], later: dict[date, int] | None, as_of_date: date
) -> dict[str, Any] | None:
    """What has become of an organization's invoices where that is too little.

    They are given by month; `later` is None where the organization has vanished.
    """
    # Where its first month has moved, what was before it is gone, too.
    months = [month for month in earlier if later is None or month <= as_of_date]
    had = sum(earlier[month] for month in months)
    has = sum(later.get(month, 0) for month in months) if later else 0
    lost = had - has
    if not had or (later is not None and lost * 2 <= had and (lost * 10 <= had or lost <= 5)):
        return None
    return {"published_invoices_count": had, "invoices_count": None if later is None else has}


def _counts(connection: duckdb.DuckDBPyConnection) -> Counts:
    counts: Counts = {}
    for id_, month, count in connection.execute(
        "select organization_id, month, cast(coalesce(sum(invoices_count), 0) as bigint)"
        " from organization_months left join invoice_collection using (organization_id, month)"
        " group by organization_id, month"
    ).fetchall():
        counts.setdefault(id_, {})[month] = count
    return counts


def _loss(row: dict[str, Any]) -> str:
    had = f"{row['published_invoices_count']:,}"
    if row["invoices_count"] is None:
        return f"vanished: {had} collected in the published version, 0 now"
    return (
        f"shrunk: {counted(row['invoices_count'], 'collected invoice')} now, {had} in the published"
        " version in the same months"
    )

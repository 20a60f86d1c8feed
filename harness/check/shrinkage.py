"""Whether something has shrunk since the version that is published (rule 15)."""

from collections.abc import Iterator
from typing import Any, Literal

import duckdb

from harness.check.findings import Finding, counted
from harness.collection.collection import Collection, Organization, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.foundation.versions import current_in

_ALLOWED = "--allow-shrink lets it pass"


def shrinkage_findings(home: Home, now: Collection, allowed: bool) -> Iterator[Finding]:
    """A finding for each organization that has shrunk, or one that none has.

    They fail, unless `allowed`: then they warn. So does a published version that cannot be read, as
    nobody can tell then what has shrunk. The sample is never compared with: it is invented.
    """
    status: Literal["warn", "fail"] = "warn" if allowed else "fail"
    before = None
    try:
        if current_in(home.published):
            version = published(home)
            before = None if version.is_sample else version.collection()
    except (HarnessError, OSError, duckdb.Error, KeyError, TypeError, ValueError) as error:
        message = f"the published version cannot be compared with: {error}; or {_ALLOWED}"
        yield Finding("earlier version", "published version", status, message)
        return
    if before is None:
        return
    rows = [row for each in before.organizations.values() if (row := shrunken(each, now))]
    for row in rows:
        title = f"{row['organization_name'] or 'Organization'} ({row['organization_id']})"
        message = f"{title} has {_loss(row)}" + ("" if allowed else f"; {_ALLOWED}")
        yield Finding("earlier version", row["organization_id"], status, message, [row])
    if not rows:
        message = "no organization has lost more than single invoices since the published version"
        yield Finding("earlier version", "every organization", "pass", message)


def shrunken(earlier: Organization, now: Collection) -> dict[str, Any] | None:
    """What has become of an organization's invoices where that is too little."""
    later = now.organizations.get(earlier.id)
    last = now.as_of_date.replace(day=1)
    # Where its first month has moved, what was before it is gone, too.
    months = set(earlier.months) if later is None else {m for m in earlier.months if m <= last}
    had = _collected(earlier, months)
    has = _collected(later, months) if later else 0
    lost = had - has
    if not had or (later and lost * 2 <= had and (lost * 10 <= had or lost <= 5)):
        return None
    return {
        "organization_id": earlier.id,
        "organization_name": earlier.name,
        "published_invoices_count": had,
        "invoices_count": has if later else None,
    }


def _collected(organization: Organization, months: set[Any]) -> int:
    return sum(row.invoices_count for row in organization.rows if row.month in months)


def _loss(row: dict[str, Any]) -> str:
    had = f"{row['published_invoices_count']:,}"
    if row["invoices_count"] is None:
        return f"vanished: {had} collected in the published version, 0 now"
    return (
        f"shrunk: {counted(row['invoices_count'], 'collected invoice')} now, {had} in the published"
        " version in the same months"
    )

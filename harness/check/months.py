"""Whether the report's months are those of the invoices."""

from collections.abc import Iterator
from datetime import date

import duckdb

from harness.check.findings import Finding, counted
from harness.foundation.home import now


def months_findings(connection: duckdb.DuckDBPyConnection, as_of_date: date) -> Iterator[Finding]:
    """A failure where every invoice that would count is outside the months of the report.

    And a warning where the last of them has not begun yet.
    """
    found = connection.execute(
        "select coalesce(sum(invoices_count) filter (exclusion_reason is null), 0),"
        " coalesce(sum(invoices_count) filter (exclusion_reason is not null), 0),"
        " min(month), max(month) from int_invoice_groups_classified"
        " where exclusion_reason is null"
        " or exclusion_reason in ('before_first_month', 'future_month')"
    ).fetchone()
    assert found is not None
    collected, outside, first, last = found
    if outside and not collected:
        covered = connection.execute(
            "select min(month), max(month) from organization_months"
        ).fetchone()
        assert covered is not None
        span = f"covers {_span(*covered)}" if covered[0] else "has no month"
        message = (
            f"none of {counted(int(outside))} that would count is in the report, which {span}: they"
            f" are dated {_span(first, last)}; give another --as-of than {as_of_date}, or correct"
            " created_at of the organizations"
        )
        yield Finding("months", "every invoice", "fail", message)
    today = now().date()
    if (as_of_date.year, as_of_date.month) > (today.year, today.month):
        message = f"{as_of_date} is after the current month, {today:%Y-%m} in UTC"
        yield Finding("months", "as-of date", "warn", message)


def _span(first: date, last: date) -> str:
    return f"{first:%Y-%m}" if first == last else f"{first:%Y-%m} to {last:%Y-%m}"

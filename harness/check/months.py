"""Whether the report's months are those of the invoices, and not of the future."""

from collections.abc import Iterator
from datetime import date

import duckdb

from harness.check.findings import Finding
from harness.foundation.home import now

# Whatever else keeps them out of the report, finalized invoices are in its months or not.
_FINALIZED = """
select
    count(*) as groups_count,
    count(*) filter (where month between first_month and $1) as groups_covered,
    strftime(min(month), '%Y-%m'),
    strftime(max(month), '%Y-%m'),
    strftime(min(first_month), '%Y-%m')
from int_invoice_groups_classified
inner join stg_lago__organizations using (organization_id)
where month is not null and exclusion_reason is distinct from 'unknown_status'
    and exclusion_reason is distinct from 'not_finalized'
"""


def months_findings(connection: duckdb.DuckDBPyConnection, as_of: date) -> Iterator[Finding]:
    """Findings about the months of the report, of which the as-of date gives the last."""
    (found,) = connection.execute(_FINALIZED, [as_of.replace(day=1)]).fetchall()
    count, covered, first, last, begins = found
    if count and not covered:
        yield Finding(
            "months",
            "finalized invoices",
            "fail",
            f"none falls into the report's months, from {begins} to {as_of:%Y-%m}: they are of"
            f" {first} to {last}; give another --as-of",
        )
    else:
        yield Finding("months", "finalized invoices", "pass", "the report covers some, or has none")
    if (as_of.year, as_of.month) > (now().year, now().month):
        message = f"{as_of:%Y-%m} is yet to come; the report ends with months without invoices"
        yield Finding("months", "as-of date", "warn", message)

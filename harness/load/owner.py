"""Whose rows are that do not say so: those of the one organization of the load."""

from datetime import datetime

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError

UNNAMED = "unnamed"
"""The id of an organization that nothing is known of."""

# A month that is too early shows as months without invoices, one that is too late would lose some:
# whatever may count is asked for.
_FIRST_DATE = """
select date_trunc('month', min(try_cast(issuing_date as date)))
from {}
where
    cast(status as varchar) in ('1', 'finalized')
    and lower(coalesce(cast(self_billed as varchar), 'f')) in ('f', 'false', '0', '')
    and nullif(cast(payment_dispute_lost_at as varchar), '') is null
    and regexp_full_match(cast(issuing_date as varchar), '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')
    and cast(issuing_date as varchar) > '0001'
"""


def owner_of(
    connection: DuckDBPyConnection, organizations: str, place: object, asked: str | None
) -> str:
    """The id of the organization that is asked for by id or name, else of the only one.

    Raises HarnessError where it is not there, or where there are several.
    """
    known = connection.execute(
        f"select cast(id as varchar), name from {organizations} order by name, id"
    ).fetchall()
    listed = ", ".join(f"{id_} ({name})" if name else id_ for id_, name in known[:20])
    if asked is None:
        if len(known) != 1:
            raise HarnessError(
                f"{place} does not say whose its rows are, and there are several organizations;"
                f" give --organization: {listed}"
            )
        return str(known[0][0])
    found = [id_ for id_, name in known if asked == name or asked.lower() == id_.lower()]
    if len(found) != 1:
        raise HarnessError(
            f"there {'are several organizations' if found else 'is no organization'} {asked!r};"
            f" there is: {listed}"
        )
    return str(found[0])


def ids_of(connection: DuckDBPyConnection, invoices: str, place: object) -> str:
    """The id of the organization that all invoices name; raises HarnessError for several."""
    ids = connection.execute(
        "select distinct coalesce(cast(organization_id as varchar), '') as id"
        f" from {invoices} order by id"
    ).fetchall()
    if ids and not ids[0][0]:
        raise HarnessError(
            f"{place} does not say of every row in organization_id whose it is; leave the column"
            " out where all are of one organization, or give their table: --organizations FILE"
        )
    if len(ids) > 1:
        raise HarnessError(
            f"{place} names {len(ids)} organizations, and nothing is known of them; give their"
            " table: --organizations FILE"
        )
    return str(ids[0][0]) if ids else UNNAMED


def first_month(connection: DuckDBPyConnection, invoices: str, moment: datetime) -> str:
    """The first day of the month of the first invoice that may count; else of the month of now."""
    (found,) = connection.execute(_FIRST_DATE.format(invoices)).fetchall()
    return f"{found[0] or moment:%Y-%m}-01"

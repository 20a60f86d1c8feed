"""The customers that stand in the invoices, where there is no table of them."""

from duckdb import DuckDBPyConnection

from harness.sources.tables import TABLES, Column, Rows

_CUSTOMERS = """(
    select distinct on (customer_id)
        cast(customer_id as varchar) as id,
        cast(organization_id as varchar) as organization_id,
        customer_external_id as external_id,
        customer_name as name,
        cast(null as varchar) as deleted_at
    from {}
    where customer_id is not null and coalesce(customer_external_id, customer_name) is not null
    order by customer_id, updated_at desc nulls last, file_row_number desc
)"""


def customers_in(connection: DuckDBPyConnection, invoices: str) -> Rows | None:
    """The customers as their newest invoices have them; None where none is named."""
    rows = _CUSTOMERS.format(invoices)
    if connection.execute(f"select count(*) from {rows}").fetchone() == (0,):
        return None
    return Rows(rows, [Column(name, name, "VARCHAR") for name in TABLES["customers"]], True)

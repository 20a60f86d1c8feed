"""The tables that are published of a build: in a DuckDB file, each as Parquet and as CSV."""

from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from harness.check.answers import BILLING_ENTITIES_QUERY
from harness.foundation.errors import HarnessError
from harness.sources.formats import literal


class _Table(NamedTuple):
    """What a published table is selected from, and in which order."""

    relation: str
    order: str
    described_as: tuple[str, ...] = ()
    """The relations of the build that describe its columns; none is its own name."""
    comment: str = ""
    """What it is, where its relation does not say so."""


_CELL = "month, payment_status, currency"
_TABLES = {
    "invoice_collection": _Table("invoice_collection", f"organization_id, {_CELL}"),
    "invoice_collection_by_billing_entity": _Table(
        "invoice_collection_by_billing_entity",
        "organization_id, billing_entity_code nulls last, billing_entity_id nulls last, " + _CELL,
    ),
    "invoice_collection_by_customer": _Table(
        "invoice_collection_by_customer",
        "organization_id, external_customer_id nulls last, customer_id nulls last, " + _CELL,
    ),
    "customer_balances": _Table(
        "customer_balances",
        "organization_id, external_customer_id nulls last, customer_id nulls last, currency",
    ),
    "uncollected_invoices": _Table(
        "uncollected_invoices", "organization_id, currency, due_amount_cents desc, invoice_id"
    ),
    "receivables_aging": _Table(
        "receivables_aging",
        "organization_id, currency, aging_bucket <> 'not_due', aging_bucket",
    ),
    "faulty_invoices": _Table(
        "faulty_invoices",
        "organization_id nulls last, exclusion_reason, month nulls last, invoice_id",
    ),
    "organization_months": _Table("organization_months", "organization_id, month"),
    "invoice_exclusions": _Table(
        "invoice_exclusions",
        "organization_id nulls last, exclusion_reason, month nulls last, currency nulls last",
    ),
    "currencies": _Table("currencies", "currency"),
    "organizations": _Table(
        "(select organization_id, organization_name, first_month from stg_lago__organizations)",
        "organization_id",
        ("stg_lago__organizations",),
        "One row per organization.",
    ),
    "billing_entities": _Table(
        f"(select known.*, billing_entity_name from ({BILLING_ENTITIES_QUERY}) as known left join"
        " stg_lago__billing_entities using (organization_id, billing_entity_id))",
        "organization_id, billing_entity_code, billing_entity_id nulls last",
        ("int_billing_entities_resolved", "stg_lago__billing_entities"),
        "One row per organization and billing entity code that is known: listed by the source, or"
        " on an invoice. Deleted ones are left out.",
    ),
    "customers": _Table(
        "(select organization_id, customer_id, external_customer_id, customer_name, is_deleted"
        " from stg_lago__customers)",
        "organization_id, external_customer_id nulls last, customer_id",
        ("stg_lago__customers",),
        "One row per customer, deleted ones included.",
    ),
}
_BY_CUSTOMER = ("invoice_collection_by_customer", "customer_balances", "customers")


def write_tables(connection: duckdb.DuckDBPyConnection, staged: Path) -> dict[str, int]:
    """Write all tables of the build that the connection uses; returns how many rows each has.

    Marts by customer are left out where they were not built. In the files beside the DuckDB file,
    ids have names beside them, and amounts in cents have the amount in units of the currency.
    """
    database = staged / "invoice_collection.duckdb"
    # What DuckDB 1.1 and all newer ones open.
    connection.execute(f"attach {literal(str(database))} as published (storage_version 'v1.0.0')")
    built = {
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'collection'"
        ).fetchall()
    }
    counts = {}
    for name, table in _TABLES.items():
        if name in _BY_CUSTOMER and _BY_CUSTOMER[0] not in built:
            continue
        counts[name] = _write_table(connection, name, table)
        _describe(connection, name, table)
        parquet, csv = (literal(str(staged / f"{name}.{ending}")) for ending in ("parquet", "csv"))
        connection.execute(f"copy ({_with_names(connection, name)}) to {parquet} (format parquet)")
        # In the order of that file, without joining and sorting again.
        connection.execute(f"copy (from read_parquet({parquet})) to {csv} (format csv, header)")
    connection.execute("checkpoint published")
    if database.with_suffix(".duckdb.wal").exists():
        raise HarnessError(f"{database} was not closed cleanly; run: harness publish")
    return counts


def _write_table(connection: duckdb.DuckDBPyConnection, name: str, table: _Table) -> int:
    columns = connection.execute(f"describe select * from {table.relation}").fetchall()
    required = {
        column
        for (column,) in connection.execute(
            "select column_name from duckdb_columns()"
            " where database_name = 'collection' and table_name = ? and not is_nullable",
            [name],
        ).fetchall()
    }
    listed = ", ".join(
        f"{column} {type_}{' not null' if column in required else ''}"
        for column, type_, *_ in columns
    )
    connection.execute(f"create table published.{name} ({listed})")
    ((count,),) = connection.execute(
        f"insert into published.{name} select * from {table.relation} order by {table.order}"
    ).fetchall()
    return int(count)


def _with_names(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The query of a table's rows in their order, names and amounts in units beside them."""
    columns = [column for column, *_ in connection.execute(f"describe published.{name}").fetchall()]
    selected, joins = [], ""
    for column in columns:
        selected.append(f"listed.{column}")
        if column == "organization_id" and "organization_name" not in columns:
            selected.append("organizations.organization_name")
            joins += " left join stg_lago__organizations as organizations using (organization_id)"
        if column == "billing_entity_code" and "billing_entity_name" not in columns:
            selected.append("entities.billing_entity_name")
            joins += (
                " left join stg_lago__billing_entities as entities"
                " using (organization_id, billing_entity_id)"
            )
        if column.endswith("amount_cents"):
            selected.append(
                f"cast({column} as decimal(38, 0)) * unit as {column.removesuffix('_cents')}"
            )
    if "currency" in columns and any(column.endswith("amount_cents") for column in columns):
        # All units but these have divided by a power of ten or by 5 at most four decimals.
        joins += (
            " left join (select currency, cast(1 / subunits_per_unit as decimal(5, 4)) as unit"
            " from currencies) as units using (currency)"
        )
    rows = f"published.{name} as listed{joins} order by listed.rowid"
    return f"select {', '.join(selected)} from {rows}"


def _describe(connection: duckdb.DuckDBPyConnection, name: str, table: _Table) -> None:
    """Describe a published table and its columns as dbt has described what they come from."""
    found: dict[tuple[str, Any], str] = {
        (relation, column): comment
        for relation, column, comment in connection.execute(
            "select table_name, null, comment from duckdb_tables()"
            " where database_name = 'collection' and schema_name = 'main'"
            " union all select view_name, null, comment from duckdb_views()"
            " where database_name = 'collection' and schema_name = 'main'"
            " union all"
            " select table_name, column_name, comment from duckdb_columns()"
            " where database_name = 'collection' and schema_name = 'main'"
        ).fetchall()
        if comment
    }
    origins = table.described_as or (name,)
    described = [(f"table published.{name}", table.comment or found[name, None])]
    for column, *_ in connection.execute(f"describe published.{name}").fetchall():
        (first, *_) = [found[each, column] for each in origins if (each, column) in found]
        described.append((f"column published.{name}.{column}", first))
    for what, comment in described:
        connection.execute(f"comment on {what} is {literal(' '.join(comment.split()))}")

"""The collection in memory: what is published, or about to be, as answers and tables need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from harness.collection.names import in_order_of_name

PAYMENT_STATUSES = ("pending", "succeeded", "failed")
"""As Lago's codes number them, from 0; what SQL joins is the seed payment_statuses."""


class Row(NamedTuple):
    """A cell of the report; the amount is in the currency's smallest unit."""

    month: date
    payment_status: str
    currency: str
    invoices_count: int
    amount_cents: int


@dataclass(frozen=True)
class EntityRow:
    """A cell of the report for one billing entity."""

    billing_entity_id: str | None
    billing_entity_code: str | None
    row: Row


@dataclass(frozen=True)
class Organization:
    """An organization's report: every month of it, its rows in order, and its billing entities."""

    id: str
    name: str | None
    months: tuple[date, ...]
    rows: tuple[Row, ...]
    entity_rows: tuple[EntityRow, ...]
    billing_entities: dict[str, str | None]


@dataclass(frozen=True)
class ByCustomer:
    """The collection by customer, which may be large: it stays in the database and is looked up."""

    database: Path

    def rows(self, organization_id: str, external_customer_id: str) -> tuple[Row, ...] | None:
        """The rows of the live customer with that external id, in order; None where there is none.

        Lago filters in the same way: a deleted customer's invoices count, but not by its id.
        """
        with duckdb.connect(str(self.database), read_only=True) as connection:
            ids = connection.execute(
                "select customer_id from customers where organization_id = ?"
                " and external_customer_id = ? and not is_deleted",
                [organization_id, external_customer_id],
            ).fetchall()
            cells = connection.execute(
                "select month, payment_status, currency, cast(sum(invoices_count) as bigint),"
                " cast(sum(amount_cents) as bigint) from invoice_collection_by_customer"
                " where organization_id = ? and list_contains(?, customer_id)"
                " group by all order by all",
                [organization_id, [id_ for (id_,) in ids]],
            ).fetchall()
        return tuple(Row(*cell) for cell in cells) if ids else None


@dataclass(frozen=True)
class Collection:
    """All organizations' reports as of one date, and the currencies that Lago accepts."""

    as_of_date: date
    organizations: dict[str, Organization]
    subunits_per_unit: dict[str, int]
    by_customer: ByCustomer | None = None
    """None where it was not built."""


def read_collection(
    connection: duckdb.DuckDBPyConnection,
    as_of_date: date,
    names: dict[str, str | None],
    billing_entities_query: str | None,
    by_customer: ByCustomer | None = None,
    only: Sequence[str] | None = None,
) -> Collection:
    """Read the marts of a database into memory, for the organizations in `names` (id to name).

    They are all that the marts have, or those of `only`; they come in order of name. Without a
    query for them, nothing is read by billing entity.
    """
    months: dict[str, list[date]] = {id_: [] for id_ in names}
    rows: dict[str, list[Row]] = {id_: [] for id_ in names}
    entity_rows: dict[str, list[EntityRow]] = {id_: [] for id_ in names}
    entities: dict[str, dict[str, str | None]] = {id_: {} for id_ in names}
    chosen, ids = condition_of(only)
    for id_, month in connection.execute(
        f"select organization_id, month from organization_months{chosen} order by month", ids
    ).fetchall():
        months[id_].append(month)
    for id_, *cell in connection.execute(
        "select organization_id, month, payment_status, currency, invoices_count, amount_cents"
        f" from invoice_collection{chosen} order by month, payment_status, currency",
        ids,
    ).fetchall():
        rows[id_].append(Row(*cell))
    if billing_entities_query:
        for id_, entity_id, code, *cell in connection.execute(
            "select organization_id, billing_entity_id, billing_entity_code, month, payment_status,"
            " currency, invoices_count, amount_cents"
            f" from invoice_collection_by_billing_entity{chosen}"
            " order by month, payment_status, currency",
            ids,
        ).fetchall():
            entity_rows[id_].append(EntityRow(entity_id, code, Row(*cell)))
        for id_, code, entity_id in connection.execute(
            f"from ({billing_entities_query}){chosen}", ids
        ).fetchall():
            if id_ in entities:
                entities[id_][code] = entity_id
    return Collection(
        as_of_date=as_of_date,
        organizations={
            id_: Organization(
                id=id_,
                name=name,
                months=tuple(months[id_]),
                rows=tuple(rows[id_]),
                entity_rows=tuple(entity_rows[id_]),
                billing_entities=entities[id_],
            )
            for id_, name in in_order_of_name(names).items()
        },
        subunits_per_unit=subunits_by_currency(connection),
        by_customer=by_customer,
    )


def condition_of(only: Sequence[str] | None) -> tuple[str, list[str]]:
    """The SQL condition of these organizations, and its parameters; of all it is none."""
    if only is None:
        return "", []
    # Each by itself, as only then DuckDB passes over the parts of a table that have none of them.
    listed = ", ".join("?" for _ in only) or "null"
    return f" where organization_id in ({listed})", list(only)


def subunits_by_currency(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many of the smallest unit make a unit, by currency."""
    return dict(
        connection.execute(
            "select currency, subunits_per_unit from currencies order by currency"
        ).fetchall()
    )

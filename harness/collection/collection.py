"""The collection in memory: what is published, or about to be, as answers and tables need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from harness.collection.names import in_order_of_name, one_of
from harness.foundation.errors import HarnessError
from harness.foundation.files import read_json
from harness.foundation.home import Home
from harness.foundation.versions import current_in

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


@dataclass(frozen=True)
class Published:
    """A published version: its directory and its manifest."""

    path: Path
    manifest: dict[str, Any]

    @property
    def database(self) -> Path:
        """The DuckDB file with the marts."""
        return self.path / "invoice_collection.duckdb"

    @property
    def is_sample(self) -> bool:
        """Whether it is of the project's sample, which is invented."""
        return self.manifest.get("source") == "sample"

    def subunits_per_unit(self) -> dict[str, int]:
        """How many of the smallest unit make a unit, by currency."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return _subunits(connection)

    def organizations(self) -> dict[str, str | None]:
        """The names of all organizations by id, in order of name; those without one come last."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return in_order_of_name(self._names(connection))

    def organization_id(self, asked: str | None) -> str:
        """The id of the organization with that id or exact name; of the only one for None.

        Raises HarnessError where there is none, or several.
        """
        return one_of(self.organizations(), asked)

    def collection(self, only: Sequence[str] | None = None) -> Collection:
        """Read the version into memory, but for what is by customer: all of it, or `only` some.

        `only` has the ids of organizations; those that there are not are left out.
        """
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return read_collection(
                connection,
                date.fromisoformat(self.manifest["as_of_date"]),
                self._names(connection, only),
                "select organization_id, billing_entity_code, billing_entity_id"
                " from billing_entities",
                ByCustomer(self.database) if "customers" in self.manifest["rows"] else None,
                only,
            )

    def _names(
        self, connection: duckdb.DuckDBPyConnection, only: Sequence[str] | None = None
    ) -> dict[str, str | None]:
        # What was published before there was that table has them in its manifest.
        if "organizations" in self.manifest["rows"]:
            chosen, ids = _chosen(only)
            return dict(
                connection.execute(
                    f"select organization_id, organization_name from organizations{chosen}", ids
                ).fetchall()
            )
        listed = {each["id"]: each["name"] for each in self.manifest["organizations"]}
        return {id_: name for id_, name in listed.items() if only is None or id_ in only}


def published(home: Home) -> Published:
    """The current published version.

    Raises HarnessError where nothing is published, or the home is not as we leave it.
    """
    # Resolved first: a publish in between must not mix two versions.
    path = current_in(home.published)
    if path is None:
        raise HarnessError(f"nothing is published in {home.path}; {HOW_TO_PUBLISH}")
    return published_in(path)


def published_in(path: Path) -> Published:
    """The version in a directory; raises HarnessError where it is none, or is damaged."""
    nothing = f"{path} holds no published version; go back to another: harness rollback"
    manifest = read_json(path / "manifest.json", nothing)
    try:
        date.fromisoformat(manifest["as_of_date"])
        whole = isinstance(manifest["rows"], dict) and isinstance(manifest["load"], dict)
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise HarnessError(
            f"{path / 'manifest.json'} is damaged; go back to another version: harness rollback"
        )
    return Published(path, manifest)


HOW_TO_PUBLISH = "run: harness run --from ... with your data, or harness run for the sample"


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
    chosen, ids = _chosen(only)
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
        subunits_per_unit=_subunits(connection),
        by_customer=by_customer,
    )


def _chosen(only: Sequence[str] | None) -> tuple[str, list[str]]:
    """The SQL condition of these organizations, and its parameters; of all it is none."""
    if only is None:
        return "", []
    # Each by itself, as only then DuckDB passes over the parts of a table that have none of them.
    listed = ", ".join("?" for _ in only) or "null"
    return f" where organization_id in ({listed})", list(only)


def _subunits(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(
        connection.execute(
            "select currency, subunits_per_unit from currencies order by currency"
        ).fetchall()
    )

"""The invoices behind the figures of a version, for those alone who may read the loaded data."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from harness.collection.names import id_meant
from harness.collection.version import Published
from harness.foundation.errors import HarnessError
from harness.foundation.files import make_directory
from harness.sources.formats import literal, path_literal

_DIRECTORY = "invoices"
_VIEWS = ("stg_lago__invoices", "stg_lago__customers", "int_invoices_classified")
_GROUPS = "int_invoice_groups_classified"
_NAMED = 10
_RAW = re.compile(r"read_parquet\('(?:[^']|'')*?(\w+)\.parquet'(?!')")
_KEPT = re.compile(r"'\{(invoices|customers)\}'")

_LISTED = """
select
    organization_id_given as organization_id,
    billing_entity_id,
    billing_entity_code,
    invoice_id,
    invoice_number,
    invoice_type_code as invoice_type,
    invoices.customer_id,
    external_customer_id,
    customer_name,
    month,
    {issuing_date} as issuing_date,
    payment_due_date,
    payment_status,
    currency,
    amount_cents,
    paid_amount_cents,
    exclusion_reason
from int_invoices_classified as invoices
left join stg_lago__customers as customers
    on invoices.organization_id = customers.organization_id
    and invoices.customer_id = customers.customer_id
where {conditions}
"""


@dataclass(frozen=True)
class _Thing:
    """What goes by an id or other names: these in the query, and where all such things are."""

    singular: str
    plural: str
    names: str
    id: str
    all: str

    def condition(self, asked: str) -> tuple[str, list[Any]]:
        """The SQL condition of the rows that have this name, with its parameters."""
        return f"list_has_any(?, [{self.names}])", [[asked, id_meant(asked)]]


_BILLING_ENTITY = _Thing(
    "billing entity",
    "billing entities",
    "billing_entity_code, billing_entity_id",
    "billing_entity_id",
    "marts.billing_entities",
)
_CUSTOMER = _Thing(
    "customer",
    "customers",
    "invoices.customer_id, external_customer_id, customer_name",
    "customer_id",
    "stg_lago__customers as invoices",
)


@dataclass(frozen=True)
class Choice:
    """Which invoices: those that match all that is given; of a figure unless `excluded`."""

    organization_id: str | None = None
    month: date | None = None
    currency: str | None = None
    payment_statuses: tuple[str, ...] = ()
    billing_entity: str | None = None
    """A code or an id."""
    customer: str | None = None
    """An id, an external id or a name."""
    excluded: str | None = None
    """A reason, or "" for every reason."""

    def conditions(self) -> Iterator[tuple[str, list[Any]]]:
        """The SQL condition of each thing that is given, with its parameters."""
        yield f"exclusion_reason is {'null' if self.excluded is None else 'not null'}", []
        if self.excluded:
            yield "exclusion_reason = ?", [self.excluded]
        if self.organization_id:
            yield "invoices.organization_id = ?", [self.organization_id]
        if self.month:
            yield "month = ?", [self.month]
        if self.currency:
            # What is left out has its currency as the source gives it.
            yield "list_contains(?, currency)", [[self.currency, self.currency.upper()]]
        if self.payment_statuses:
            yield "list_contains(?, payment_status)", [list(self.payment_statuses)]
        for thing, asked in self.named():
            yield thing.condition(asked)

    def named(self) -> Iterator[tuple[_Thing, str]]:
        """What is asked for by a name that several may have, and that name."""
        if self.billing_entity is not None:
            yield _BILLING_ENTITY, self.billing_entity
        if self.customer is not None:
            yield _CUSTOMER, self.customer


@dataclass(frozen=True)
class Listing:
    """Invoices by currency, the largest first, and what all of them come to."""

    columns: list[str]
    invoices: list[dict[str, Any]]
    totals: dict[str | None, tuple[int, int, int]]
    """By currency: how many invoices, how many have a valid amount, and these in cents together."""
    notes: list[str]
    """What was asked for by a name that several have."""


def keep_invoices(connection: duckdb.DuckDBPyConnection, raw: Path, staged: Path) -> None:
    """Keep beside a version what its invoices are listed from, which its owner alone may read.

    That is the load's files as links, the groups of the build that the connection uses, and its
    views of single invoices.
    """
    directory = staged / _DIRECTORY
    make_directory(directory)
    directory.chmod(0o700)
    for table in ("invoices", "customers"):
        file = (raw / f"{table}.parquet").resolve()
        try:
            os.link(file, directory / file.name)
        except OSError:
            shutil.copy(file, directory / file.name)
    groups = literal(str(directory / f"{_GROUPS}.parquet"))
    connection.execute(f"copy {_GROUPS} to {groups} (format parquet)")
    views = dict(connection.execute("select view_name, sql from duckdb_views()").fetchall())
    script = "\n".join(views[name].replace("collection.main.", "") for name in _VIEWS)
    (directory / "views.sql").write_text(_RAW.sub(r"read_parquet('{\1}'", script), encoding="utf-8")


def list_invoices(version: Published, choice: Choice, limit: int | None = None) -> Listing:
    """The invoices of a version that are asked for, at most `limit` of them.

    Raises HarnessError where the version was published before they were kept, where this user may
    not read them, or where there is no such billing entity or customer.
    """
    directory = version.path / _DIRECTORY
    try:
        script = (directory / "views.sql").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise HarnessError(
            f"version {version.path.name} lacks the invoices behind its figures, as older ones do;"
            " the next run keeps them: harness run"
        ) from None
    except OSError as error:
        raise HarnessError(
            f"{directory} cannot be read ({error.strerror}): single invoices are for the user alone"
            " who loads them"
        ) from error
    # Each name in the views by its path at once, which may hold the other's.
    script = _KEPT.sub(lambda found: path_literal(directory / f"{found[1]}.parquet"), script)
    conditions = list(choice.conditions())
    # Of a date that is none, the text shows why the invoice is left out.
    issued = "issuing_date" if choice.excluded is None else "cast(issuing_date_given as varchar)"
    query = _LISTED.format(
        issuing_date=issued, conditions=" and ".join(condition for condition, _ in conditions)
    )
    parameters = [value for _, values in conditions for value in values]
    with duckdb.connect() as connection:
        groups = path_literal(directory / f"{_GROUPS}.parquet")
        connection.execute(f"create view {_GROUPS} as from read_parquet({groups})")
        connection.execute(script)
        connection.execute(f"create table chosen as {query}", parameters)
        connection.execute(f"attach {literal(str(version.database))} as marts (read_only)")
        notes = [note for each in choice.named() for note in _notes(connection, *each)]
        found = connection.execute(
            "select * exclude (billing_entity_id) from chosen"
            " order by currency nulls last, amount_cents desc nulls last, invoice_id"
            + (f" limit {limit}" if limit is not None else "")
        )
        names = [name for name, *_ in found.description or []]
        invoices = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        totals = connection.execute(
            "select currency, count(*), count(amount_cents), coalesce(sum(amount_cents), 0)"
            " from chosen"
            " group by currency order by currency nulls last"
        ).fetchall()
    return Listing(
        names,
        invoices,
        {currency: (number, valid, int(cents)) for currency, number, valid, cents in totals},
        notes,
    )


def _notes(connection: duckdb.DuckDBPyConnection, thing: _Thing, asked: str) -> Iterator[str]:
    """A note where several have a name that was asked for; HarnessError where nothing has it."""
    found = connection.execute(
        f"select distinct coalesce({thing.id}, organization_id) as id from chosen order by id"
    ).fetchall()
    ids = [id_ for (id_,) in found if id_]
    if len(ids) > 1:
        listed = ", ".join(ids[:_NAMED]) + (" ..." if len(ids) > _NAMED else "")
        yield (
            f"these are of {len(ids):,} {thing.plural} called {asked!r}; an id is of one alone:"
            f" {listed}"
        )
    if not found:
        condition, parameters = thing.condition(asked)
        queries = (
            f"select 1 from {thing.all} where {condition} limit 1",
            f"select 1 from ({_LISTED.format(issuing_date='month', conditions=condition)}) limit 1",
        )
        if not any(connection.execute(query, parameters).fetchall() for query in queries):
            raise HarnessError(f"there is no {thing.singular} {asked!r}")

"""The tables of a load, and what a source of them is."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from duckdb import DuckDBPyConnection

FILE_ADVICE = "it must be readable, whole, and in the format that its name says"

# The used columns, and what each holds.
TABLES = {
    "organizations": {"id": "text", "name": "text", "created_at": "time"},
    "billing_entities": {
        "id": "text",
        "organization_id": "text",
        "code": "text",
        "archived_at": "time",
        "deleted_at": "time",
    },
    "invoices": {
        "id": "text",
        "organization_id": "text",
        "billing_entity_id": "text",
        "billing_entity_code": "text",
        "status": "number",
        "payment_status": "number",
        "issuing_date": "date",
        "currency": "text",
        "total_amount_cents": "number",
        "self_billed": "flag",
        "payment_dispute_lost_at": "time",
        "updated_at": "time",
    },
}

OPTIONAL = frozenset(
    {"name", "archived_at", "deleted_at", "billing_entity_id", "billing_entity_code"}
    | {"self_billed", "payment_dispute_lost_at", "updated_at"}
)
"""The columns that may be missing: they are null then."""

RESPONSES = {
    "organizations": "organization",
    "billing_entities": "billing_entities",
    "invoices": "invoices",
}
"""The key of a table in the API's responses."""


class Column(NamedTuple):
    """A column under the name that the file gives it, how to select it, and its DuckDB type."""

    name: str
    sql: str
    type: str


def landing_name(name: str) -> str:
    """The name that a column of a source lands under: the API calls an id `lago_id`."""
    return "id" if name == "lago_id" else name


class Rows(NamedTuple):
    """The rows of a table: what stands after `from`, and all columns that were found.

    Only the wanted columns can be selected. NDJSON without rows has no columns.
    """

    sql: str
    columns: list[Column]
    declared: bool = False
    """Whether somebody chose the types; else a column of nulls may have any."""
    numbered: bool = False
    """Whether file_row_number can be selected: a Parquet file."""
    assumed: frozenset[str] = frozenset()
    """Optional columns that the first rows do not have; null where the others lack them, too."""
    total: int | None = None
    """How much there is to read, in `unit`, where that is known."""
    unit: str = "rows"


class Found(NamedTuple):
    """A table in its source."""

    rows: Rows
    place: object
    """What messages call it."""
    of_owner: bool = False
    """Whether the rows, being the API's, leave out whose they are."""
    announced: int | None = None
    """How many invoices Lago counted, where it says so."""
    advice: str = FILE_ADVICE
    """What to do where it cannot be read."""


class Source(Protocol):
    """Where tables are read from."""

    @property
    def name(self) -> str:
        """What the record of the load calls it; never a secret."""
        ...

    @property
    def files(self) -> dict[str, int]:
        """The files that are read, and their sizes in bytes."""
        ...

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """The time in which tables are read."""
        ...

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """A table, None where it is not there; dumps may be written to the directory `work`."""
        ...


NO_ROWS = Rows("(select 1 limit 0)", [])

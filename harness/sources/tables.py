"""The tables of a load, and what a source of them is."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from duckdb import DuckDBPyConnection

FILE_ADVICE = "it must be readable, whole, and in the format that its name says"

# The used columns, and what each holds.
TABLES = {
    "organizations": {"id": "id", "name": "text", "created_at": "time"},
    "billing_entities": {
        "id": "id",
        "organization_id": "id",
        "code": "text",
        "name": "text",
        "archived_at": "time",
        "deleted_at": "time",
    },
    "customers": {
        "id": "id",
        "organization_id": "id",
        "external_id": "text",
        "name": "text",
        "deleted_at": "time",
    },
    "invoices": {
        "id": "id",
        "organization_id": "id",
        "billing_entity_id": "id",
        "billing_entity_code": "text",
        "status": "number",
        "payment_status": "number",
        "issuing_date": "date",
        "currency": "text",
        "total_amount_cents": "number",
        "self_billed": "flag",
        "payment_dispute_lost_at": "time",
        "updated_at": "version",
        "number": "text",
        "invoice_type": "number",
        "customer_id": "id",
        "customer_external_id": "text",
        "customer_name": "text",
        "payment_due_date": "date",
        "total_paid_amount_cents": "number",
    },
}

FOLLOW_UP = frozenset(
    {"number", "invoice_type", "customer_id", "customer_external_id", "customer_name"}
    | {"payment_due_date", "total_paid_amount_cents"}
)
"""Columns that no figure of the report is made of: what cannot be read of them is left out."""
OPTIONAL = FOLLOW_UP | frozenset(
    {"name", "archived_at", "deleted_at", "billing_entity_id", "billing_entity_code"}
    | {"self_billed", "payment_dispute_lost_at", "updated_at", "external_id"}
)
"""The columns that may be missing: they are null then."""
CUSTOMER = ("lago_id", "external_id", "name")
"""What is used of the customer that stands in an invoice of the API."""
OWNER = "organization_id"
"""The column that says whose a row is; all rows are of one organization where it is not there."""


class Mark(NamedTuple):
    """What a replication tool's column says of a row that is no longer in Lago."""

    kind: Literal["flag", "time", "operation"]
    """A flag, the moment at which the row ended, or what was done to it last."""
    is_history: bool
    """Whether the row is an old version of one that may live on; else Lago has deleted it."""
    gone: bool = True
    """The flag's value that marks such a row."""


_MARKS = {
    # Fivetran
    "_fivetran_active": Mark("flag", is_history=True, gone=False),
    # dbt's snapshots, dlt
    "(.*_)?valid_to": Mark("time", is_history=True),
    # Fivetran, Debezium, dbt's snapshots, PeerDB, Datastream, Hevo
    "(.*_)?(is)?deleted": Mark("flag", is_history=False),
    # Airbyte, Singer
    "(.*_)?deleted_at": Mark("time", is_history=False),
    # Debezium, AWS DMS, Qlik
    "_*(dms_|meta_)?(op|operation)|(.*_)?change_(oper|type)": Mark("operation", is_history=False),
}


def mark_of(name: str) -> Mark | None:
    """What a column that is none of Lago's says of a row, by the name that it lands under.

    None where it says nothing of the kind.
    """
    return next((mark for known, mark in _MARKS.items() if re.fullmatch(known, name)), None)


RESPONSES = {
    "organizations": "organization",
    "billing_entities": "billing_entities",
    "customers": "customers",
    "invoices": "invoices",
}
"""The key of a table in the API's responses."""


class Column(NamedTuple):
    """A column under the name that the file gives it, how to select it, and its DuckDB type."""

    name: str
    sql: str
    type: str


_OTHER_NAMES = {
    "lago_id": "id",
    "partner_billing": "self_billed",
    "invoice_number": "number",
    "customer_lago_id": "customer_id",
    "customer__lago_id": "customer_id",
    "customer__external_id": "customer_external_id",
    "customer__name": "customer_name",
}


# Blanks, and what is as invisible.
_BLANK = r"[\s\u200b-\u200d\u2060\ufeff]+"


def landing_name(name: str) -> str:
    """The name that a column of a source lands under, whatever its case.

    The API calls an id `lago_id`; Lago's CSV export calls self_billed `partner_billing`; dlt joins
    the names of what stands in each other by two underscores; Hive puts the table's name before it.
    """
    bare = re.sub(f"^{_BLANK}|{_BLANK}$", "", name).lower()
    for table in TABLES:
        bare = bare.removeprefix(f"{table}.")
    return _OTHER_NAMES.get(bare, bare)


def is_read(name: str, table: str) -> bool:
    """Whether a column of a table is read, by the name that a source gives it."""
    lands = landing_name(name)
    return lands in TABLES[table] or mark_of(lands) is not None


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
    total: int | None = None
    """How much there is to read, in `unit`, where that is known."""
    unit: str = "rows"
    textual: bool = False
    """Whether nulls may be written as words: CSV and JSON."""
    in_one_piece: str | None = None
    """What else may stand after `from`, where reading in pieces may fail for no fault."""
    parts: tuple[tuple[Path, "Rows"], ...] = ()
    """The files that the rows are of, where the types of their columns differ."""


class Found(NamedTuple):
    """A table in its source."""

    rows: Rows
    place: object
    """What messages call it."""
    announced: int | None = None
    """How many invoices Lago counted, where it says so."""
    advice: str = FILE_ADVICE
    """What to do where it cannot be read."""
    whole: bool = False
    """Whether its pages are all that there are, by themselves and not by Lago's count."""


class Source(Protocol):
    """Where tables are read from."""

    @property
    def name(self) -> str:
        """What the record of the load calls it, and what --from took, or begins so; no secret."""
        ...

    @property
    def files(self) -> dict[str, int]:
        """The files that are read, and their sizes in bytes; none where there are no files."""
        ...

    def begin(self, moment: datetime, directory: Path, note: Callable[[str], None]) -> datetime:
        """Begin to read; returns the moment that the data are of, which may be an earlier one.

        What is read may be kept in the directory until `end`, for another load to resume from;
        where this one does so, `note` is told.
        """
        ...

    def end(self, failed: bool = False) -> None:
        """Remove what is kept; where the load has failed, only if all had been read."""
        ...

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """The time in which tables are read."""
        ...

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """A table, None where it is not there, as invoices must be; dumps may go into `work`."""
        ...


class ReadInOneGo:
    """What a source does that keeps nothing for another load."""

    def begin(self, moment: datetime, directory: Path, note: Callable[[str], None]) -> datetime:
        """As Source.begin: the data are of this moment."""
        return moment

    def end(self, failed: bool = False) -> None:
        """As Source.end."""


NO_ROWS = Rows("(select 1 limit 0)", [])

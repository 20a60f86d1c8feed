"""Writes what is used of Lago's tables to Parquet files, and finds what makes them unfit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from harness.foundation.errors import HarnessError
from harness.foundation.progress import watching
from harness.sources.formats import literal, path_literal, reading
from harness.sources.tables import (
    NO_ROWS,
    OPTIONAL,
    TABLES,
    Column,
    Found,
    Rows,
    Source,
    landing_name,
)

_NULL = "cast(null as varchar)"

_ENTITY = {"billing_entity_id", "billing_entity_code"}
_UNNAMED = {"name", "archived_at", "deleted_at"}  # whose lack needs no warning

# What a column may be, and the type it lands as (None: its own); the first pattern that fits. Other
# types are refused: a double may have lost cents, and a time zone moves an issuing timestamp.
_ANY = r"VARCHAR|U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DECIMAL\(\d+,0\)"
_TYPES: dict[str, tuple[str, dict[str, str | None]]] = {
    "text": ("text, a UUID or an integer", {"UUID": None, _ANY: "VARCHAR"}),
    "number": (
        "an integer or text",
        {"INTEGER|BIGINT": None, "U?(TINYINT|SMALLINT|INTEGER)": "BIGINT", _ANY: "VARCHAR"},
    ),
    "date": ("a date or text", {"DATE|VARCHAR": None}),
    "flag": ("a boolean, an integer or text", {"BOOLEAN": None, _ANY: "VARCHAR"}),
    "time": ("a timestamp, a date or text", {"TIMESTAMP.*|DATE|VARCHAR": None}),
}

# What makes a table unfit: a query for one finding, and what to say of it.
_WITHOUT_ID = (
    "select count(*), min(file_row_number) + 1 from {} where id is null"
    " or (typeof(id) <> 'UUID' and cast(id as varchar) < '!'"
    r" and not regexp_matches(cast(id as varchar), '\S')) having count(*) > 0",
    "{} of the rows have no id, the first is row {}; every row needs one",
)
_SAME_ID = (
    "select id, count(*) from {} group by id having count(*) > 1 order by id limit 1",
    "the id {} is there {} times; leave one row of each",
)
_FAULTS = {
    "organizations": [
        ("select count(*) from {} having count(*) = 0", "there are {} rows; it needs one or more"),
        _WITHOUT_ID,
        _SAME_ID,
        (
            "select id, cast(created_at as varchar) from {} "
            "where not coalesce(isfinite(try_cast(created_at as timestamptz)), false) limit 1",
            "created_at of the organization {} is {!r}, no timestamp; the report starts there",
        ),
    ],
    "billing_entities": [_WITHOUT_ID, _SAME_ID],
    "invoices": [_WITHOUT_ID],
}

# The rows of an invoice but the newest; of rows that are equally new the last one stays. Sorting
# the hashes of the ids finds the few that may be there twice in half the time that grouping takes.
_SUPERSEDED = """
create or replace temp table superseded as
with

sorted as (
    select hash(id) as hashed, lag(hash(id)) over (order by hash(id)) as previous
    from {}
)

select file_row_number
from (
    select
        file_row_number,
        row_number() over (
            partition by id
            order by try_cast(updated_at as timestamptz) desc nulls last, file_row_number desc
        ) as newness
    from {}
    where hash(id) in (select hashed from sorted where hashed = previous)
) as versions
where newness > 1
"""


@dataclass(frozen=True)
class Landing:
    """The tables of a source on their way into a directory."""

    connection: duckdb.DuckDBPyConnection
    directory: Path
    moment: datetime
    source: Source
    note: Callable[[str], None]

    def land_all(self) -> dict[str, int]:
        """Land and check all tables; returns the counts of `Load`."""
        with self.source.open(self.connection):
            organizations = self.land("organizations")
            # The API's rows do not say whose they are: they are of the organization that asked.
            owner = None
            if organizations == 1:
                ids = "select cast(id as varchar) from {}"
                ((owner,),) = self.query(ids, _numbered(self.file("organizations")))
            entities = self.land("billing_entities", owner)
            read, superseded, announced = self.land_invoices(owner)
            if read - superseded < announced and not self.source.files:
                # What moved from page to page during the crawl is found by another.
                read, superseded, announced = self.land_invoices(owner)
        raw = read - superseded
        if raw < announced:
            lacking = f"{raw} invoices, but Lago counted {announced}: some may have moved"
            if not self.source.files:
                raise HarnessError(
                    f"two crawls of {self.source.name} hold {lacking} from page to page; load "
                    "again when less is changed there"
                )
            self.note(
                f"the pages hold {lacking} from page to page while they were saved; save them again"
            )
        return {
            "organizations": organizations,
            "billing_entities": entities,
            "read": read,
            "superseded": superseded,
            "raw": raw,
        }

    def land(self, table: str, owner: str | None = None) -> int:
        """Write what is used of a table; returns how many rows it has."""
        found, columns = self.find(table, owner)
        count = self.copy(table, columns, found)
        self.note_lacking(table, found)
        self.check(table, found, _numbered(self.file(table)))
        return count

    def land_invoices(self, owner: str | None) -> tuple[int, int, int]:
        """Land the newest invoices; returns how many there are, were dropped, and Lago counted."""
        found, columns = self.find("invoices", owner)
        announced = found.announced or 0
        if found.rows.numbered:
            # A Parquet file is looked through before it is copied, which saves a second copy.
            given = (
                f"(select {columns['id']} as id, {columns['updated_at']} as updated_at,"
                f" file_row_number from {found.rows.sql})"
            )
            with reading(found.place, found.advice):
                self.check("invoices", found, given)
                superseded = self.find_superseded(given)
            kept = self.copy("invoices", columns, found, but_superseded=superseded > 0)
            self.note_lacking("invoices", found)
            return kept + superseded, superseded, announced
        read = self.copy("invoices", columns, found)
        self.note_lacking("invoices", found)
        landed = _numbered(self.file("invoices"))
        self.check("invoices", found, landed)
        superseded = self.find_superseded(landed)
        if superseded:
            itself = found._replace(rows=found.rows._replace(sql=landed, total=read, unit="rows"))
            self.copy("invoices", {name: name for name in columns}, itself, but_superseded=True)
        return read, superseded, announced

    def find(self, table: str, owner: str | None) -> tuple[Found, dict[str, str]]:
        """A table in the source, and its used columns as SQL by the name that they land under."""
        found = self.source.find(self.connection, table, self.directory / "work")
        if not found:
            self.note(f"no table of {table}: only those are known that invoices name")
            found = Found(NO_ROWS, self.source.name)
        fixed = {"_loaded_at": f"timestamp '{self.moment:%Y-%m-%d %H:%M:%S}'"}
        if found.of_owner and owner:
            fixed["organization_id"] = literal(owner)
        with reading(found.place, found.advice):
            return found, self.selected(table, found.rows, found.place, fixed)

    def check(self, table: str, found: Found, rows: str) -> None:
        """Raise HarnessError where what the rows hold makes the table unfit."""
        if found.rows is NO_ROWS:
            return
        for query, fault in _FAULTS[table]:
            for finding in self.query(query, rows):
                raise HarnessError(f"{found.place}: {fault.format(*finding)}")

    def selected(
        self, table: str, rows: Rows, place: object, fixed: dict[str, str]
    ) -> dict[str, str]:
        """The used columns as SQL; raises HarnessError where one is missing, twice there or odd."""
        given: dict[str, Column] = {}
        for column in rows.columns:
            name = landing_name(column.name)
            if name in given and name in TABLES[table]:
                raise HarnessError(f"{place} has the column {name} twice; remove one")
            given[name] = column
        missing = [name for name in TABLES[table] if name not in {**given, **fixed}]
        required = [name for name in missing if name not in OPTIONAL]
        if required and rows.columns:
            raise HarnessError(
                f"{place} lacks {', '.join(required)}, which {table} must have; it has "
                f"{', '.join(each.name for each in rows.columns if each.name not in rows.assumed)}"
            )
        return {
            name: self.landed(given[name], kind, rows, place) if name in given else _NULL
            for name, kind in TABLES[table].items()
        } | fixed

    def note_lacking(self, table: str, found: Found) -> None:
        """Warn of optional columns that are not there, once the table has landed."""
        rows = found.rows
        present = {landing_name(column.name) for column in rows.columns} - rows.assumed
        if rows.assumed:
            counts = ", ".join(f"count({name}) > 0" for name in rows.assumed)
            (any_there,) = self.query(f"select {counts} from {{}}", _numbered(self.file(table)))
            present |= {
                name for name, is_there in zip(rows.assumed, any_there, strict=True) if is_there
            }
        missing = [name for name in TABLES[table] if name in OPTIONAL and name not in present]
        if not _ENTITY.issubset(missing):
            missing = [name for name in missing if name not in _ENTITY]
        lacking = [name for name in missing if name not in _UNNAMED]
        if lacking and rows.columns:
            self.note(f"{found.place} lacks {', '.join(lacking)}: taken as null")

    def landed(self, column: Column, kind: str, rows: Rows, place: object) -> str:
        """A column as SQL, in a type that staging takes; raises HarnessError for any other type."""
        expected, types = _TYPES[kind]
        for pattern, landing in types.items():
            if re.fullmatch(pattern, column.type):
                return f"cast({column.sql} as {landing or column.type})"
        # A column of nulls has whatever type its writer gives to nulls.
        nulls = f"select count({column.sql}) = 0 from {rows.sql}"
        if not rows.declared and self.connection.sql(nulls).fetchone() == (True,):
            return _NULL
        raise HarnessError(
            f"{place}: {column.name} has the type {column.type} and must be {expected}; cast it in "
            f"{'a view' if rows.declared else 'the export'}"
        )

    def find_superseded(self, rows: str) -> int:
        """Note the older versions of invoices; returns how many there are."""
        with watching(self.connection, "looking for older versions"):
            ((superseded,),) = self.query(_SUPERSEDED, rows)
        return int(superseded)

    def copy(
        self, table: str, columns: dict[str, str], found: Found, but_superseded: bool = False
    ) -> int:
        """Write a table's columns to its file; returns how many rows it has."""
        rows = found.rows
        listed = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
        kept = " anti join superseded using (file_row_number)" if but_superseded else ""
        # Read and written may be the same file.
        written = self.directory / "work" / f"{table}.parquet"
        sql = (
            f"copy (select {listed} from {rows.sql}{kept})"
            f" to {literal(str(written))} (format parquet)"
        )
        watched = watching(self.connection, f"landing {table}", rows.total, rows.unit)
        with reading(found.place, found.advice), watched:
            ((count,),) = self.connection.execute(sql).fetchall()
        written.replace(self.file(table))
        return int(count)

    def file(self, table: str) -> Path:
        return self.directory / f"{table}.parquet"

    def query(self, sql: str, rows: str) -> list[Any]:
        """The answer to a query in which {} stands for rows that are numbered."""
        return self.connection.execute(sql.replace("{}", rows)).fetchall()


def _numbered(file: Path) -> str:
    return f"read_parquet({path_literal(file)}, file_row_number = true, hive_partitioning = false)"

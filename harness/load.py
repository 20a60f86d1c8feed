"""Lands Lago's tables as Parquet files: all of them, or none where one is unfit."""

import itertools
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from harness.errors import HarnessError
from harness.formats import (
    ENDINGS,
    Column,
    Rows,
    files_in,
    is_response,
    literal,
    path_literal,
    reading,
    table_rows,
    unwrap,
)
from harness.home import PROJECT, Home, make_current, new_id, now, read_json, write_json

SAMPLE_AS_OF = "2026-06-17"

_SAMPLE = PROJECT / "seeds" / "lago"
_SOURCES = "give sample, a directory of tables or saved API responses, or a file of invoices"
_NULL = "cast(null as varchar)"

# The used columns, and what each holds.
_TABLES = {
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
_ENTITY = {"billing_entity_id", "billing_entity_code"}
_UNNAMED = {"name", "archived_at", "deleted_at"}  # whose lack needs no warning
_OPTIONAL = _ENTITY | _UNNAMED | {"self_billed", "payment_dispute_lost_at", "updated_at"}

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
    "select count(*), min(file_row_number) + 1 from {} "
    r"where id is null or not regexp_matches(cast(id as varchar), '\S') having count(*) > 0",
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

# The rows of an invoice but the newest; of rows that are equally new the last one stays.
_SUPERSEDED = """
create temp table superseded as
select file_row_number
from (
    select
        file_row_number,
        row_number() over (
            partition by id
            order by try_cast(updated_at as timestamptz) desc nulls last, file_row_number desc
        ) as newness
    from {}
    where id in (select id from {} group by id having count(*) > 1)
) as versions
where newness > 1
"""


@dataclass(frozen=True)
class Load:
    """What was loaded: the content of load.json."""

    load_id: str
    loaded_at: str
    """In UTC, ISO 8601."""
    source: str
    """`sample`, or the absolute path of the directory or file."""
    as_of_date: str | None
    """The date that the sample is made for; null for other data."""
    read: int
    """The rows of invoices that were there: `superseded` by newer ones, and `raw`, which landed."""
    superseded: int
    raw: int
    organizations: int
    billing_entities: int
    files: dict[str, int]
    """The files that were read, and their sizes in bytes."""
    warnings: list[str]


def load(
    home: Home,
    source: str | Path,
    *,
    organizations: Path | None = None,
    warn: Callable[[str], None],
) -> Load:
    """Land the source and make it the current load; the caller holds the home's lock.

    Raises HarnessError, and leaves the current load as it is, where the source or a table that must
    be there is missing or unfit. Single bad values are landed: the report excludes and names them.
    """
    warnings: list[str] = []

    def note(warning: str) -> None:
        warnings.append(warning)
        warn(warning)

    is_sample = str(source) == "sample"
    if "://" in str(source):
        raise HarnessError(f"{source} is not supported; {_SOURCES}")
    root = _SAMPLE if is_sample else Path(source).absolute()
    files = files_in(root, note) if root.is_dir() else _files_of(root, organizations)
    if root.is_dir() and organizations:
        raise HarnessError(
            f"--organizations goes with a file of invoices, but {root} is a directory"
        )
    moment = now()
    load_id = new_id(moment)
    staged = home.path / "raw" / f".{load_id}"
    try:
        with reading(root):
            (staged / "work").mkdir(parents=True)
            with duckdb.connect() as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.execute(f"set temp_directory = {literal(str(staged / 'work'))}")
                counts = _Landing(connection, staged, moment, note).land_all(files)
            shutil.rmtree(staged / "work")
            loaded = Load(
                load_id=load_id,
                loaded_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                source="sample" if is_sample else str(root),
                as_of_date=SAMPLE_AS_OF if is_sample else None,
                files={
                    file.name: file.stat().st_size for found in files.values() for file in found
                },
                warnings=warnings,
                **counts,
            )
            write_json(staged / "load.json", asdict(loaded))
            make_current(staged, load_id, keep=1)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return loaded


def current_load(home: Home) -> Load:
    """The current load; raises HarnessError where there is none."""
    nothing = f"nothing is loaded in {home.path}; run: harness load"
    return Load(**read_json(home.raw / "load.json", nothing))


def _files_of(invoices: Path, organizations: Path | None) -> dict[str, list[Path]]:
    given = {"organizations": [organizations] if organizations else [], "invoices": [invoices]}
    for file in itertools.chain(*given.values()):
        if not file.is_file():
            raise HarnessError(f"there is no file {file}; {_SOURCES}")
        if not file.name.endswith(ENDINGS):
            raise HarnessError(f"the name of {file} must end in one of {', '.join(ENDINGS)}")
    if not organizations:
        raise HarnessError(
            f"{invoices} is taken for invoices; name the organizations too: --organizations FILE"
        )
    return given


@dataclass(frozen=True)
class _Landing:
    connection: duckdb.DuckDBPyConnection
    directory: Path
    moment: datetime
    note: Callable[[str], None]

    def land_all(self, files: dict[str, list[Path]]) -> dict[str, int]:
        """Land and check all tables; returns the counts of `Load`."""
        organizations, _ = self.land("organizations", files["organizations"])
        # The API's rows do not say whose they are: they are of the organization that asked.
        owner = None
        if organizations == 1:
            ((owner,),) = self.query("organizations", "select cast(id as varchar) from {}")
        if "billing_entities" not in files:
            self.note("no table of billing_entities: only those are known that invoices name")
        entities, _ = self.land("billing_entities", files.get("billing_entities", []), owner)
        read, announced = self.land("invoices", files["invoices"], owner)
        superseded = self.drop_superseded()
        raw = read - superseded
        if announced is not None and raw < announced:
            self.note(
                f"the pages hold {raw} invoices, but Lago counted {announced}: some may have moved "
                "from page to page while they were saved; save them again"
            )
        return {
            "organizations": organizations,
            "billing_entities": entities,
            "read": read,
            "superseded": superseded,
            "raw": raw,
        }

    def land(
        self, table: str, files: Sequence[Path], owner: str | None = None
    ) -> tuple[int, int | None]:
        """Write what is used of a table; returns how many rows it has and how many Lago counted."""
        place = files[0].parent if len(files) > 1 else next(iter(files), self.directory)
        rows, announced = Rows("(select 1 limit 0)", []), None
        wanted = {*_TABLES[table], "lago_id"}
        fixed = {"_loaded_at": f"timestamp '{self.moment:%Y-%m-%d %H:%M:%S}'"}
        with reading(place):
            if files and is_response(files[0]):
                dump = self.directory / "work" / f"{table}.ndjson"
                key = "organization" if table == "organizations" else table
                announced = unwrap(files, key, dump)
                if dump.stat().st_size:
                    rows = table_rows(self.connection, dump, wanted)
                if owner:
                    fixed["organization_id"] = literal(owner)
            elif files:
                rows = table_rows(self.connection, files[0], wanted)
            selected = self.selected(table, rows, place, fixed)
            count = self.copy(selected, rows.sql, f"{table}.parquet")
        for query, fault in _FAULTS[table] if files else []:
            for finding in self.query(table, query):
                raise HarnessError(f"{place}: {fault.format(*finding)}")
        return count, announced

    def selected(self, table: str, rows: Rows, place: Path, fixed: dict[str, str]) -> str:
        """The used columns as SQL; raises HarnessError where one is missing, twice there or odd."""
        given: dict[str, Column] = {}
        for column in rows.columns:
            name = "id" if column.name == "lago_id" else column.name
            if name in given and name in _TABLES[table]:
                raise HarnessError(f"{place} has the column {name} twice; remove one")
            given[name] = column
        missing = [name for name in _TABLES[table] if name not in {**given, **fixed}]
        required = [name for name in missing if name not in _OPTIONAL]
        if required and rows.columns:
            raise HarnessError(
                f"{place} lacks {', '.join(required)}, which {table} must have; it has "
                f"{', '.join(column.name for column in rows.columns)}"
            )
        if not _ENTITY.issubset(missing):
            missing = [name for name in missing if name not in _ENTITY]
        lacking = [name for name in missing if name not in _UNNAMED]
        if lacking and rows.columns:
            self.note(f"{place} lacks {', '.join(lacking)}: taken as null")
        expressions = {
            name: self.landed(given[name], kind, rows, place) if name in given else _NULL
            for name, kind in _TABLES[table].items()
        }
        return ", ".join(f"{sql} as {name}" for name, sql in (expressions | fixed).items())

    def landed(self, column: Column, kind: str, rows: Rows, place: Path) -> str:
        """A column as SQL, in a type that staging takes; raises HarnessError for any other type."""
        expected, types = _TYPES[kind]
        for pattern, landing in types.items():
            if re.fullmatch(pattern, column.type):
                return f"cast({column.sql} as {landing or column.type})"
        # A column of nulls has whatever type its writer gives to nulls.
        if self.connection.sql(f"select count({column.sql}) from {rows.sql}").fetchone() == (0,):
            return _NULL
        raise HarnessError(
            f"{place}: {column.name} has the type {column.type} and must be {expected}; cast it in "
            "the export"
        )

    def drop_superseded(self) -> int:
        """Keep the newest version of each invoice; returns how many rows that drops."""
        ((superseded,),) = self.query("invoices", _SUPERSEDED)
        if superseded:
            columns = ", ".join([*_TABLES["invoices"], "_loaded_at"])
            file = self.directory / "invoices.parquet"
            self.copy(
                columns, f"{_numbered(file)} anti join superseded using (file_row_number)", "kept"
            )
            (self.directory / "kept").replace(file)
        return int(superseded)

    def copy(self, columns: str, rows: str, name: str) -> int:
        target = literal(str(self.directory / name))
        copy = f"copy (select {columns} from {rows}) to {target} (format parquet)"
        ((count,),) = self.connection.execute(copy).fetchall()
        return int(count)

    def query(self, table: str, sql: str) -> list[Any]:
        """The answer to a query in which {} stands for a landed table, its rows numbered."""
        rows = _numbered(self.directory / f"{table}.parquet")
        return self.connection.execute(sql.replace("{}", rows)).fetchall()


def _numbered(file: Path) -> str:
    return f"read_parquet({path_literal(file)}, file_row_number = true, hive_partitioning = false)"

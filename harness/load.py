"""Lands Lago's tables as Parquet files: all of them, or none where one is unfit."""

import itertools
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from harness import postgres
from harness.errors import HarnessError
from harness.formats import (
    ENDINGS,
    Files,
    files_in,
    literal,
    path_literal,
    reading,
)
from harness.home import PROJECT, Home, make_current, new_id, now, read_json, write_json
from harness.tables import NO_ROWS, TABLES, Column, Found, Rows, Source

SAMPLE_AS_OF = "2026-06-17"

_SAMPLE = PROJECT / "seeds" / "lago"
_SOURCES = (
    "give sample, a directory of tables or saved API responses, a file of invoices, or "
    "postgresql://… or https://…"
)
_NULL = "cast(null as varchar)"

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
create or replace temp table superseded as
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
    """`sample`, the absolute path of the directory or file, or a URL without user and password."""
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


@dataclass(frozen=True)
class Options:
    """What a source needs to know beside its name; each option goes with some sources only."""

    organizations: Path | None = None
    schema: str = "public"
    organization: str | None = None
    per_page: int = 500
    insecure: bool = False


DEFAULTS = Options()


def load(
    home: Home,
    source: str | Path,
    *,
    options: Options = DEFAULTS,
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
    origin = _origin(str(source), options, note)
    moment = now()
    load_id = new_id(moment)
    staged = home.path / "raw" / f".{load_id}"
    try:
        with reading(origin.name):
            (staged / "work").mkdir(parents=True)
            with duckdb.connect() as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.execute(f"set temp_directory = {literal(str(staged / 'work'))}")
                counts = _Landing(connection, staged, moment, origin, note).land_all()
            shutil.rmtree(staged / "work")
            loaded = Load(
                load_id=load_id,
                loaded_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                source=origin.name,
                as_of_date=SAMPLE_AS_OF if is_sample else None,
                files=origin.files,
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


def _origin(source: str, options: Options, note: Callable[[str], None]) -> Source:
    """The source that --from names; raises HarnessError where an option does not go with it."""
    scheme, is_url, _ = source.partition("://")
    is_database = bool(is_url) and scheme in postgres.SCHEMES
    if not is_database and (options.organization or options.schema != DEFAULTS.schema):
        raise HarnessError("--organization and --schema go with postgresql://… alone")
    if is_url:
        # The rest of a URL may hold a password.
        if options.organizations:
            raise HarnessError(f"--organizations goes with a file of invoices, not {scheme}://…")
        if is_database:
            return postgres.Database.at(source, options.schema, options.organization)
        if scheme not in ("https", "http"):
            raise HarnessError(f"{scheme}:// is not supported; {_SOURCES}")
        # Only the crawl waits for its HTTP client to be imported.
        from harness.api import Api

        return Api.at(source, options.per_page, options.insecure)
    if source == "sample":
        return Files("sample", files_in(_SAMPLE, note))
    root = Path(source).absolute()
    if not root.is_dir():
        return Files(str(root), _files_of(root, options.organizations))
    if options.organizations:
        raise HarnessError(
            f"--organizations goes with a file of invoices, but {root} is a directory"
        )
    return Files(str(root), files_in(root, note))


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
    source: Source
    note: Callable[[str], None]

    def land_all(self) -> dict[str, int]:
        """Land and check all tables; returns the counts of `Load`."""
        with self.source.open(self.connection):
            organizations, _ = self.land("organizations")
            # The API's rows do not say whose they are: they are of the organization that asked.
            owner = None
            if organizations == 1:
                ((owner,),) = self.query("organizations", "select cast(id as varchar) from {}")
            entities, _ = self.land("billing_entities", owner)
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

    def land(self, table: str, owner: str | None = None) -> tuple[int, int | None]:
        """Write what is used of a table; returns how many rows it has and how many Lago counted."""
        found = self.source.find(self.connection, table, self.directory / "work")
        if not found:
            self.note(f"no table of {table}: only those are known that invoices name")
            found = Found(NO_ROWS, self.source.name)
        rows, place = found.rows, found.place
        fixed = {"_loaded_at": f"timestamp '{self.moment:%Y-%m-%d %H:%M:%S}'"}
        if found.of_owner and owner:
            fixed["organization_id"] = literal(owner)
        with reading(place, found.advice):
            count = self.copy(
                self.selected(table, rows, place, fixed), rows.sql, f"{table}.parquet"
            )
        for query, fault in _FAULTS[table] if rows is not NO_ROWS else []:
            for finding in self.query(table, query):
                raise HarnessError(f"{place}: {fault.format(*finding)}")
        return count, found.announced

    def land_invoices(self, owner: str | None) -> tuple[int, int, int]:
        """Land the newest invoices; returns how many there are, were dropped, and Lago counted."""
        read, announced = self.land("invoices", owner)
        return read, self.drop_superseded(), announced or 0

    def selected(self, table: str, rows: Rows, place: object, fixed: dict[str, str]) -> str:
        """The used columns as SQL; raises HarnessError where one is missing, twice there or odd."""
        given: dict[str, Column] = {}
        for column in rows.columns:
            name = "id" if column.name == "lago_id" else column.name
            if name in given and name in TABLES[table]:
                raise HarnessError(f"{place} has the column {name} twice; remove one")
            given[name] = column
        missing = [name for name in TABLES[table] if name not in {**given, **fixed}]
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
            for name, kind in TABLES[table].items()
        }
        return ", ".join(f"{sql} as {name}" for name, sql in (expressions | fixed).items())

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

    def drop_superseded(self) -> int:
        """Keep the newest version of each invoice; returns how many rows that drops."""
        ((superseded,),) = self.query("invoices", _SUPERSEDED)
        if superseded:
            columns = ", ".join([*TABLES["invoices"], "_loaded_at"])
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

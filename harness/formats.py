"""The rows of a Lago table out of a file of any format, for DuckDB to read."""

import contextlib
import csv
import glob
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
from duckdb import DuckDBPyConnection, Error

from harness.errors import HarnessError
from harness.resources import shortage
from harness.tables import (
    FILE_ADVICE,
    NO_ROWS,
    OPTIONAL,
    RESPONSES,
    TABLES,
    Column,
    Found,
    Rows,
    landing_name,
)

ENDINGS = (".csv", ".csv.gz", ".parquet", ".ndjson", ".ndjson.gz")

_SAVED = {"organization.json": "organizations", "billing_entities.json": "billing_entities"}
_JSON = "maximum_object_size = 33554432, hive_partitioning = false"
_FIRST_ROWS = 1000
_META = ("current_page", "total_pages", "total_count")


@dataclass(frozen=True)
class Files:
    """A source: dumps of tables, or saved API responses."""

    name: str
    tables: dict[str, list[Path]]

    @property
    def files(self) -> dict[str, int]:
        """The names of all files, and their sizes in bytes."""
        return {file.name: file.stat().st_size for found in self.tables.values() for file in found}

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """Nothing: files are opened as they are read."""
        return contextlib.nullcontext()

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """The rows of a table, API responses written as a dump in `work` first."""
        files = self.tables.get(table)
        if not files:
            return None
        if not is_response(files[0]):
            return Found(table_rows(connection, files[0], table), files[0])
        place = files[0].parent if len(files) > 1 else files[0]
        return unwrapped(connection, table, _saved(files), work, place)


def table_rows(connection: DuckDBPyConnection, file: Path, table: str) -> Rows:
    """The rows of a table's dump. Text stays text; only Parquet has columns of other types.

    Raises HarnessError where the file is empty or cannot be read.
    """
    with reading(file):
        _check_content(file)
        if file.name.endswith(".parquet"):
            return _parquet_rows(connection, file)
        if file.name.endswith((".csv", ".csv.gz")):
            return _csv_rows(file)
        return _ndjson_rows(connection, file, table)


def files_in(directory: Path, note: Callable[[str], None]) -> dict[str, list[Path]]:
    """The file of each table in a directory, or the saved API responses; notes what is ignored.

    Raises HarnessError where a table is missing that must be there, or is there twice.
    """
    files: dict[str, list[Path]] = {}
    ignored = []
    for path in sorted(directory.iterdir(), key=_natural):
        table = _table_of(path.name) if path.is_file() else None
        if table:
            files.setdefault(table, []).append(path)
        elif path.name[0] not in "._":
            ignored.append(path.name)
    others = ", ".join(ignored[:20]) + ", ..." * (len(ignored) > 20)
    for table in ("organizations", "invoices"):
        if table not in files:
            raise HarnessError(
                f"{directory} has no file of {table}, such as {table}.csv; other files are there: "
                f"{others or 'none'}"
            )
    for table, [file, *more] in files.items():
        if more and not all(map(is_response, [file, *more])):
            raise HarnessError(
                f"{directory} has {table} twice: {file.name}, {more[0].name}; remove one"
            )
    if ignored:
        note(f"ignored in {directory}: {others}")
    return files


def unwrapped(
    connection: DuckDBPyConnection,
    table: str,
    bodies: Iterable[tuple[object, Any]],
    work: Path,
    place: object,
) -> Found:
    """The rows of a table in the bodies of API responses, added to a dump in `work`."""
    dump = work / f"{table}.ndjson"
    with dump.open("ab") as lines:
        announced = _unwrap(bodies, table, lines, place)
    rows = table_rows(connection, dump, table) if dump.stat().st_size else NO_ROWS
    return Found(rows, place, of_owner=True, announced=announced)


def items_of(body: object, key: str, place: object) -> list[dict[str, Any]]:
    """What an API response holds under a key; raises HarnessError where it is no such response."""
    found = body.get(key) if isinstance(body, dict) else None
    items = [found] if isinstance(found, dict) else found
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise HarnessError(f"{place} is no API response with `{key}`; save it again")
    return items


def page_of(body: Any, place: object) -> tuple[int, int, int]:
    """The page's number, and how many pages and invoices Lago counts; raises HarnessError."""
    meta = body.get("meta")
    if not isinstance(meta, dict) or not all(str(meta.get(name)).isdecimal() for name in _META):
        raise HarnessError(f"{place} has no complete `meta`; save it again")
    page, pages, count = (int(meta[name]) for name in _META)
    return page, pages, count


def is_response(file: Path) -> bool:
    """Whether a file is a saved API response, by its name."""
    return file.name.endswith((".json", ".json.gz"))


@contextlib.contextmanager
def reading(place: object, advice: str = FILE_ADVICE) -> Iterator[None]:
    """Turn what goes wrong while something is read into a HarnessError that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, Error) as error:
        raise shortage(str(error)) or HarnessError(
            f"{place} cannot be loaded: {_reason(error, place)}; {advice}"
        ) from error


def literal(text: str) -> str:
    """A text as an SQL literal, for where DuckDB takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def path_literal(file: Path) -> str:
    """A file to read as an SQL literal that stands for this file alone, whatever its name."""
    return literal(glob.escape(str(file)))


def _saved(files: Sequence[Path]) -> Iterator[tuple[object, Any]]:
    for file in files:
        with reading(file):
            _check_content(file)
            with _opened(file) as text:
                body = json.load(text, parse_int=str, parse_float=str)
        yield file, body


def _unwrap(
    bodies: Iterable[tuple[object, Any]], table: str, lines: IO[bytes], place: object
) -> int | None:
    """Write what API responses hold of a table as NDJSON.

    Returns how many invoices Lago counted, where they are pages of invoices: what is created after
    the first page need not be on the others. Raises HarnessError where one is no such response,
    and where a page is missing or there twice.
    """
    pages: dict[int, list[int]] = {}
    key, used, begun = RESPONSES[table], [*TABLES[table], "lago_id"], False
    for name, body in bodies:
        items = items_of(body, key, name)
        for item in items:
            # The first one has all fields, for messages to name them.
            fields = used if begun else item
            flat = {each: item[each] for each in fields if each in item}
            lines.write(orjson.dumps(flat, option=orjson.OPT_APPEND_NEWLINE))
            begun = True
        if key == "invoices":
            page, *totals = page_of(body, name)
            if page in pages:
                raise HarnessError(
                    f"{name} is page {page}, and so is another file; remove one of them"
                )
            pages[page] = totals
    if not pages:
        return None
    total_pages, total_count = pages[max(pages)]
    total_count = min(total_count, pages[min(pages)][1])
    missing = [str(page) for page in range(1, total_pages + 1) if page not in pages]
    if missing:
        raise HarnessError(
            f"{place} lacks page {', '.join(missing[:20])} of the {total_pages} pages of "
            "invoices; get all of them again"
        )
    return total_count


def _natural(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _table_of(name: str) -> str | None:
    stem, dot, ending = name.partition(".")
    if stem in ("organizations", "billing_entities", "invoices") and dot + ending in ENDINGS:
        return stem
    if stem.startswith("invoices-page-") and ending in ("json", "json.gz"):
        return "invoices"
    return _SAVED.get(name)


def _opened(file: Path) -> IO[str]:
    opener = gzip.open if file.suffix == ".gz" else open
    return opener(file, "rt", encoding="utf-8-sig", newline="")


def _check_content(file: Path) -> None:
    size = file.stat().st_size
    if size and file.suffix == ".gz":
        # To the end, since DuckDB takes a file that is cut off between two rows for a whole one.
        with gzip.open(file) as unzipped:
            size = sum(len(chunk) for chunk in iter(lambda: unzipped.read(1 << 20), b""))
    if not size:
        raise HarnessError(f"{file} is empty (0 bytes); export it again")


def _parquet_rows(connection: DuckDBPyConnection, file: Path) -> Rows:
    sql = f"read_parquet({path_literal(file)}, hive_partitioning = false)"
    columns = connection.sql(f"describe from {sql}").fetchall()
    ((count,),) = connection.sql(f"select count(*) from {sql}").fetchall()
    names = {name for name, *_ in columns}
    return Rows(
        sql,
        [Column(name, name, type_) for name, type_, *_ in columns],
        numbered="file_row_number" not in names,
        total=int(count),
    )


def _csv_rows(file: Path) -> Rows:
    with _opened(file) as lines:
        header = next(csv.reader(lines, strict=True), [])
    if not any(header) or "\0" in "".join(header):
        raise csv.Error("no header in the first line")
    # By position, as names may be anything; and not detected, as DuckDB drops the header without a
    # word where a row is longer.
    columns = [Column(name, f"column{at}", "VARCHAR") for at, name in enumerate(header)]
    types = ", ".join(f"{column.sql}: 'varchar'" for column in columns)
    sql = (
        f"read_csv({path_literal(file)}, auto_detect = false, header = true, "
        f"columns = {{{types}}}, delim = ',', quote = '\"', escape = '\"', strict_mode = true, "
        "allow_quoted_nulls = false)"
    )
    return Rows(sql, columns, total=_megabytes(file), unit="MB")


def _ndjson_rows(connection: DuckDBPyConnection, file: Path, table: str) -> Rows:
    source = path_literal(file)

    def keys(rows: str) -> list[str]:
        sql = f"select distinct unnest(json_keys(json)) as key from {rows} order by key"
        return [key for (key,) in connection.sql(sql).fetchall()]

    objects = f"read_ndjson_objects({source}, {_JSON})"
    first = keys(f"(from {objects} limit {_FIRST_ROWS})")
    missing = set(TABLES[table]) - set(map(landing_name, first))
    # One pass over the file is enough, unless it may lack what must be there.
    names = first if missing <= OPTIONAL else keys(objects)
    assumed = missing & OPTIONAL - set(map(landing_name, names)) if names else set()
    names = sorted({*names, *assumed})
    wanted = [name for name in names if landing_name(name) in TABLES[table]] or ["id"]
    types = ", ".join(f"{name}: 'varchar'" for name in wanted)
    sql = f"read_json({source}, format = 'newline_delimited', columns = {{{types}}}, {_JSON})"
    return Rows(
        sql,
        [Column(name, name, "VARCHAR") for name in names],
        assumed=frozenset(assumed),
        total=_megabytes(file),
        unit="MB",
    )


def _megabytes(file: Path) -> int:
    return round(file.stat().st_size / 1e6)


def _reason(error: Exception, place: object) -> str:
    """What DuckDB or the system says, without its advice and the data that it quotes."""
    if isinstance(error, csv.Error | UnicodeDecodeError) and ".csv" in str(place):
        return f"it is no CSV file in UTF-8 ({error})"
    text = str(getattr(error, "strerror", None) or error).replace(f' in file "{place}",', "")
    text = re.sub(r"(?s)^[\w ]+ Error: |Original Line: .*\n(?=Expected |Value |Invalid )", "", text)
    text = re.split(r"\n(?:Possible |Try |\n  file = )", text)[0]
    # In malformed JSON, DuckDB counts one line too many.
    text = re.sub(r"at byte \d+ in line (\d+)", lambda at: f"in line {int(at[1]) - 1}", text)
    return ", ".join(line.rstrip(". ") for line in text.splitlines() if line)[:300]

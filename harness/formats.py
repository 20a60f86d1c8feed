"""The rows of a Lago table out of a file of any format, for DuckDB to read."""

import contextlib
import csv
import glob
import gzip
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from duckdb import DuckDBPyConnection, Error

from harness.errors import HarnessError

ENDINGS = (".csv", ".csv.gz", ".parquet", ".ndjson", ".ndjson.gz")

_RESPONSES = {"organization.json": "organizations", "billing_entities.json": "billing_entities"}
_JSON = "maximum_object_size = 33554432, hive_partitioning = false"
_META = ("current_page", "total_pages", "total_count")


class Column(NamedTuple):
    """A column under the name that the file gives it, how to select it, and its DuckDB type."""

    name: str
    sql: str
    type: str


class Rows(NamedTuple):
    """The rows of a table: what stands after `from`, and all columns that were found.

    Only the wanted columns can be selected. NDJSON without rows has no columns.
    """

    sql: str
    columns: list[Column]


def table_rows(connection: DuckDBPyConnection, file: Path, wanted: Collection[str]) -> Rows:
    """The rows of a table's dump. Text stays text; only Parquet has columns of other types.

    Raises HarnessError where the file is empty or cannot be read.
    """
    with reading(file):
        _check_content(file)
        if file.name.endswith(".parquet"):
            return _parquet_rows(connection, file)
        if file.name.endswith((".csv", ".csv.gz")):
            return _csv_rows(file)
        return _ndjson_rows(connection, file, wanted)


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


def is_response(file: Path) -> bool:
    """Whether a file is a saved API response, by its name."""
    return file.name.endswith((".json", ".json.gz"))


def unwrap(files: Sequence[Path], key: str, dump: Path) -> int | None:
    """Write what saved API responses hold under a key as an NDJSON dump, numbers as text.

    Returns how many invoices Lago counted, where they are pages of invoices. Raises HarnessError
    where one is no such response, and where a page is missing or there twice.
    """
    pages: dict[int, list[int]] = {}
    with dump.open("w", encoding="utf-8") as lines:
        for file in files:
            with reading(file):
                _check_content(file)
                with _opened(file) as text:
                    body = json.load(text, parse_int=str, parse_float=str)
            found = body.get(key) if isinstance(body, dict) else None
            items = [found] if isinstance(found, dict) else found
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise HarnessError(f"{file} is no API response with `{key}`; save it again")
            for item in items:
                flat = {
                    name: item[name] for name in item if not isinstance(item[name], dict | list)
                }
                lines.write(json.dumps(flat) + "\n")
            if key == "invoices":
                _add_page(pages, body.get("meta"), file)
    if not pages:
        return None
    total_pages, total_count = pages[max(pages)]
    missing = [str(page) for page in range(1, total_pages + 1) if page not in pages]
    if missing:
        raise HarnessError(
            f"{files[0].parent} lacks page {', '.join(missing[:20])} of the {total_pages} pages of "
            "invoices; save all of them again"
        )
    return total_count


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a HarnessError that names the file."""
    try:
        yield
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, Error) as error:
        raise HarnessError(
            f"{file} cannot be loaded: {_reason(error, file)}; it must be readable, whole, and in "
            "the format that its name says"
        ) from error


def literal(text: str) -> str:
    """A text as an SQL literal, for where DuckDB takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def path_literal(file: Path) -> str:
    """A file to read as an SQL literal that stands for this file alone, whatever its name."""
    return literal(glob.escape(str(file)))


def _natural(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _table_of(name: str) -> str | None:
    stem, dot, ending = name.partition(".")
    if stem in ("organizations", "billing_entities", "invoices") and dot + ending in ENDINGS:
        return stem
    if stem.startswith("invoices-page-") and ending in ("json", "json.gz"):
        return "invoices"
    return _RESPONSES.get(name)


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
    return Rows(sql, [Column(name, name, type_) for name, type_, *_ in columns])


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
    return Rows(sql, columns)


def _ndjson_rows(connection: DuckDBPyConnection, file: Path, wanted: Collection[str]) -> Rows:
    source = path_literal(file)
    keys = connection.sql(
        "select distinct unnest(json_keys(json)) as key "
        f"from read_ndjson_objects({source}, {_JSON}) order by key"
    ).fetchall()
    columns = [Column(key, key, "VARCHAR") for (key,) in keys]
    fields = [column.name for column in columns if column.name in wanted] or ["id"]
    types = ", ".join(f"{name}: 'varchar'" for name in fields)
    sql = f"read_json({source}, format = 'newline_delimited', columns = {{{types}}}, {_JSON})"
    return Rows(sql, columns)


def _add_page(pages: dict[int, list[int]], meta: object, file: Path) -> None:
    if not isinstance(meta, dict) or not all(str(meta.get(name)).isdecimal() for name in _META):
        raise HarnessError(f"{file} has no complete `meta`; save it again")
    page, *totals = (int(meta[name]) for name in _META)
    if page in pages:
        raise HarnessError(f"{file} is page {page}, and so is another file; remove one of them")
    pages[page] = totals


def _reason(error: Exception, file: Path) -> str:
    """What DuckDB or the system says, without its advice and the data that it quotes."""
    if isinstance(error, csv.Error | UnicodeDecodeError) and ".csv" in file.suffixes:
        return f"it is no CSV file in UTF-8 ({error})"
    text = str(getattr(error, "strerror", None) or error).replace(f' in file "{file}",', "")
    text = re.sub(r"(?s)^[\w ]+ Error: |Original Line: .*\n(?=Expected |Value |Invalid )", "", text)
    text = re.split(r"\n(?:Possible |Try |\n  file = )", text)[0]
    # In malformed JSON, DuckDB counts one line too many.
    text = re.sub(r"at byte \d+ in line (\d+)", lambda at: f"in line {int(at[1]) - 1}", text)
    return ", ".join(line.rstrip(". ") for line in text.splitlines() if line)[:300]

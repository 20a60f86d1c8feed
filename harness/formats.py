"""The rows of a Lago table out of a file of any format, for DuckDB to read."""

import contextlib
import csv
import glob
import gzip
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from duckdb import DuckDBPyConnection, Error, IOException, OutOfMemoryException

from harness.errors import HarnessError

ENDINGS = (".csv", ".csv.gz", ".parquet", ".ndjson", ".ndjson.gz")

_JSON_OPTIONS = "maximum_object_size = 33554432, hive_partitioning = false"
_META = "struct(current_page bigint, total_pages bigint, total_count bigint)"
_CHUNK = 1 << 20


class Column(NamedTuple):
    """A column as a file names it, how to select it, and its DuckDB type."""

    name: str
    sql: str
    type: str


@dataclass(frozen=True)
class Rows:
    """The rows of a table as its files give them."""

    files: Sequence[Path]
    sql: str
    """What stands after `from`."""
    columns: Sequence[Column]
    """All that were found, of which only the wanted ones can be selected; none in JSON without rows."""
    total: int | None = None
    """How many rows the API said there are."""


def table_rows(connection: DuckDBPyConnection, file: Path, wanted: Collection[str]) -> Rows:
    """The rows of a table's dump. Text stays text; only Parquet has columns of other types.

    Raises HarnessError where the file is empty or cannot be read.
    """
    _check_content(file)
    with reading(file):
        if file.name.endswith(".parquet"):
            return _parquet_rows(connection, file)
        if file.name.endswith((".csv", ".csv.gz")):
            return _csv_rows(file)
        return _ndjson_rows(connection, file, wanted)


def response_rows(
    connection: DuckDBPyConnection, files: Sequence[Path], key: str, wanted: Collection[str]
) -> Rows:
    """The rows under a key of saved API responses; those of invoices are pages.

    Raises HarnessError where a file is empty, cannot be read or is no such response, and where a
    page is missing or there twice.
    """
    # GET /organizations answers with one object, the others with a list of them.
    item_type, items = ("{}", f"[{key}]") if key == "organization" else ("{}[]", key)
    found: dict[str, None] = {}
    pages: list[tuple[Path, tuple[int, int, int]]] = []
    for file in files:
        _check_content(file)
        with reading(file):
            answers = connection.sql(
                f"select {key} is not null, flatten(list_transform({items}, item -> json_keys(item))), "
                "meta.current_page, meta.total_pages, meta.total_count "
                f"from {_responses([file], key, item_type.format('json'))}"
            ).fetchall()
        if len(answers) != 1 or not answers[0][0]:
            raise HarnessError(
                f"{file} has no `{key}`, so it is no response of Lago's API; save the response again"
            )
        found |= dict.fromkeys(answers[0][1])
        pages.append((file, answers[0][2:]))
    fields = [name for name in found if name in wanted] or ["lago_id"]
    struct = f"struct({', '.join(f'{name} varchar' for name in fields)})"
    return Rows(
        files,
        f"(select unnest({items}) as item from {_responses(files, key, item_type.format(struct))})",
        [Column(name, f"item.{name}", "VARCHAR") for name in found],
        _total(pages) if key == "invoices" else None,
    )


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a HarnessError that names the file."""
    try:
        yield
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, Error) as error:
        if isinstance(error, UnicodeDecodeError | csv.Error):
            reason = f"it is no CSV file in UTF-8 ({error})"
        else:
            reason = _reason(error)
        denied = isinstance(error, OSError | IOException | OutOfMemoryException)
        if denied and not isinstance(error, gzip.BadGzipFile):
            hint = "check permissions, disk space and memory"
        else:
            hint = "export it again, whole and in the format that its name says"
        raise HarnessError(f"{file} cannot be loaded: {reason}; {hint}") from error


def literal(text: str) -> str:
    """A text as an SQL literal, for where DuckDB takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def path_literal(file: Path) -> str:
    """A file to read as an SQL literal that stands for this file only, whatever its name."""
    return literal(glob.escape(str(file)))


def _check_content(file: Path) -> None:
    with reading(file):
        size = file.stat().st_size
        if size and file.suffix == ".gz":
            # To the end, since DuckDB takes a file that is cut off between two rows for whole.
            with gzip.open(file) as unzipped:
                size = sum(len(chunk) for chunk in iter(lambda: unzipped.read(_CHUNK), b""))
    if not size:
        raise HarnessError(f"{file} is empty (0 bytes); export it again")


def _parquet_rows(connection: DuckDBPyConnection, file: Path) -> Rows:
    sql = f"read_parquet({path_literal(file)}, hive_partitioning = false)"
    columns = connection.sql(f"describe from {sql}").fetchall()
    return Rows([file], sql, [Column(name, f'"{name}"', type_) for name, type_, *_ in columns])


def _csv_rows(file: Path) -> Rows:
    with (gzip.open if file.suffix == ".gz" else open)(
        file, "rt", encoding="utf-8-sig", newline=""
    ) as lines:
        header = next(csv.reader(lines, strict=True), [])
    if not any(header) or "\0" in "".join(header):
        raise csv.Error("its first line is no header")
    # Given by position, as names may occur twice, and not detected: at the sight of a row that is
    # longer than the header, DuckDB would take the header for garbage and drop it.
    columns = [Column(name, f"column{at}", "VARCHAR") for at, name in enumerate(header)]
    types = ", ".join(f"{column.sql}: 'varchar'" for column in columns)
    sql = (
        f"read_csv({path_literal(file)}, auto_detect = false, header = true, "
        f"columns = {{{types}}}, delim = ',', quote = '\"', escape = '\"', strict_mode = true, "
        "allow_quoted_nulls = false, hive_partitioning = false)"
    )
    return Rows([file], sql, columns)


def _ndjson_rows(connection: DuckDBPyConnection, file: Path, wanted: Collection[str]) -> Rows:
    source = path_literal(file)
    keys = connection.sql(
        "select distinct unnest(json_keys(json)) as key "
        f"from read_ndjson_objects({source}, {_JSON_OPTIONS}) order by key"
    ).fetchall()
    columns = [Column(key, key, "VARCHAR") for (key,) in keys]
    fields = [column.name for column in columns if column.name in wanted] or ["id"]
    types = ", ".join(f"{name}: 'varchar'" for name in fields)
    sql = (
        f"read_json({source}, format = 'newline_delimited', columns = {{{types}}}, "
        f"{_JSON_OPTIONS})"
    )
    return Rows([file], sql, columns)


def _responses(files: Sequence[Path], key: str, item_type: str) -> str:
    return (
        f"read_json([{', '.join(map(path_literal, files))}], format = 'unstructured', "
        f"columns = {{{key}: '{item_type}', meta: '{_META}'}}, {_JSON_OPTIONS})"
    )


def _total(pages: Sequence[tuple[Path, tuple[int, int, int]]]) -> int:
    """The number of invoices that the last page gives; raises where the pages are not complete."""
    numbered: dict[int, Path] = {}
    for file, meta in pages:
        if None in meta:
            raise HarnessError(f"{file} lacks a part of `meta`; save the response again")
        if meta[0] in numbered:
            raise HarnessError(
                f"{numbered[meta[0]]} and {file} are both page {meta[0]}; remove one of them"
            )
        numbered[meta[0]] = file
    _, total_pages, total_count = max(meta for _, meta in pages)
    missing = [str(page) for page in range(1, total_pages + 1) if page not in numbered]
    if missing:
        raise HarnessError(
            f"{pages[0][0].parent} lacks page {', '.join(missing)} of the {total_pages} pages of "
            "invoices; save them all again"
        )
    return total_count


def _reason(error: Exception) -> str:
    """What DuckDB or the system says, without its advice and the data that it quotes."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = re.sub(r"^[\w ]+ Error: ", "", str(error))
    text = re.split(r"\n(?:Possible |Try |This can |\n  file = )", text)[0]
    text = re.sub(r'(?m)^Original Line: .*\n| in file "[^"]*",', "", text)
    # In malformed JSON, DuckDB counts one line too many.
    text = re.sub(r"at byte \d+ in line (\d+)", lambda at: f"in line {int(at[1]) - 1}", text)
    return ", ".join(line.strip().rstrip(".") for line in text.splitlines() if line.strip())

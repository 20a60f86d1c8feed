"""The rows of a Lago table out of files of one format, for DuckDB to read."""

import contextlib
import csv
import glob
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
from backports import zstd
from duckdb import DuckDBPyConnection, Error

from harness.foundation.errors import HarnessError
from harness.foundation.resources import machine_fault
from harness.sources.error_texts import server_reason, shortened
from harness.sources.packed import check_content, opened, unpacked
from harness.sources.tables import (
    CUSTOMER,
    FILE_ADVICE,
    MARKS,
    OPTIONAL,
    OWNER,
    TABLES,
    Column,
    Rows,
    landing_name,
)

_JSON = "maximum_object_size = 33554432, hive_partitioning = false"
_FIRST_ROWS = 1000
_FORMATS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
}
ENDINGS = ".csv, .parquet, .ndjson, .jsonl or .json, with .gz or .zst behind it where compressed"


def format_of(name: str) -> str | None:
    """The format that a file's name says: csv, parquet, ndjson or json; None for any other name."""
    stem = name.removesuffix(".gz").removesuffix(".zst")
    return _FORMATS.get(Path(stem).suffix)


def table_rows(
    connection: DuckDBPyConnection, files: Sequence[Path], table: str, work: Path
) -> Rows:
    """The rows of a table's dump, in one file or in parts of one format.

    Text stays text; only Parquet has columns of other types. A compressed Parquet file is unpacked
    into `work`. Raises HarnessError where a file is empty, cannot be read, or has other columns
    than the first.
    """
    for file in files:
        with reading(file):
            check_content(file)
    with reading(files[0] if len(files) == 1 else files[0].parent):
        match format_of(files[0].name):
            case "parquet":
                return _parquet_rows(connection, [unpacked(file, work) for file in files])
            case "csv":
                return _csv_rows(files)
            case _:
                return _json_rows(connection, files, table)


@contextlib.contextmanager
def reading(place: object, advice: str = FILE_ADVICE) -> Iterator[None]:
    """Turn what goes wrong while something is read into a HarnessError that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error, zstd.ZstdError, csv.Error, ValueError, Error) as error:
        raise machine_fault(str(error)) or HarnessError(
            f"{place} cannot be loaded: {_reason(error, place)}; {advice}"
        ) from error


def literal(text: str) -> str:
    """A text as an SQL literal, for where DuckDB takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """The name of a column or table as SQL, whatever its letters."""
    return '"' + name.replace('"', '""') + '"'


def path_literal(file: Path) -> str:
    """A file to read as an SQL literal that stands for this file alone, whatever its name."""
    return literal(glob.escape(str(file)))


def _parquet_rows(connection: DuckDBPyConnection, files: Sequence[Path]) -> Rows:
    def described(parts: Sequence[Path]) -> tuple[str, list[Column]]:
        union = ", union_by_name = true" if len(parts) > 1 else ""
        sql = f"read_parquet({_list(parts)}, hive_partitioning = false{union})"
        found = connection.execute(f"describe from {sql}").fetchall()
        return sql, [Column(name, identifier(name), type_) for name, type_, *_ in found]

    if len(files) > 1:
        _check_same({file: [each.name for each in described([file])[1]] for file in files})
    sql, columns = described(files)
    ((count,),) = connection.execute(f"select count(*) from {sql}").fetchall()
    # The rows of several files have no numbers of their own.
    numbered = len(files) == 1 and all(each.name != "file_row_number" for each in columns)
    return Rows(sql, columns, numbered=numbered, total=int(count))


def _csv_rows(files: Sequence[Path]) -> Rows:
    headers: dict[Path, list[str]] = {}
    for file in files:
        with reading(file), opened(file) as lines:
            headers[file] = next(csv.reader(lines, strict=True), [])
            if not any(headers[file]) or "\0" in "".join(headers[file]):
                raise csv.Error("no header in the first line")
    _check_same(headers)
    names = headers[files[0]]
    # By position, as names may be anything; and not detected, as DuckDB drops the header without a
    # word where a row is longer.
    columns = [Column(name, f"column{at}", "VARCHAR") for at, name in enumerate(names)]
    types = ", ".join(f"{column.sql}: 'varchar'" for column in columns)
    options = (
        f"auto_detect = false, header = true, columns = {{{types}}}, delim = ',', quote = '\"', "
        "escape = '\"', strict_mode = true, allow_quoted_nulls = false"
    )
    selects = []
    for order in dict.fromkeys(tuple(map(str.lower, header)) for header in headers.values()):
        same = [file for file in files if tuple(map(str.lower, headers[file])) == order]
        picked = ", ".join(
            f"column{order.index(name.lower())} as column{at}"
            if order.count(name.lower()) == 1
            else f"column{at}"
            for at, name in enumerate(names)
        )
        selects.append(f"select {picked} from read_csv({_list(same)}, {options})")
    sql = (
        f"({' union all '.join(selects)})" if len(selects) > 1 else selects[0].split("from ", 1)[1]
    )
    return Rows(sql, columns, total=_megabytes(files), unit="MB", textual=True)


def _json_rows(connection: DuckDBPyConnection, files: Sequence[Path], table: str) -> Rows:
    layouts = {_layout(file): file for file in files}
    if len(layouts) > 1:
        one, other = sorted(layouts)[:2]
        raise HarnessError(
            f"{layouts[one]} is {one.replace('_', ' ')}, but {layouts[other]} is "
            f"{other.replace('_', ' ')}; export them alike"
        )
    source = f"{_list(files)}, format = '{next(iter(layouts))}', {_JSON}"

    def keys(rows: str) -> list[str]:
        sql = f"select distinct unnest(json_keys(json)) as key from {rows} order by key"
        return [key for (key,) in connection.execute(sql).fetchall()]

    objects = f"read_json_objects({source})"
    first = keys(f"(from {objects} limit {_FIRST_ROWS})")
    missing = set(TABLES[table]) - set(map(landing_name, first)) - {OWNER}
    # One pass over the file is enough, unless it may lack what must be there.
    names = first if missing <= OPTIONAL else keys(objects)
    expected = {*OPTIONAL.intersection(TABLES[table]), *MARKS, OWNER} & {*TABLES[table], *MARKS}
    nested = _nested_customer(names) if table == "invoices" else []
    present = {landing_name(name) for name in [*names, *(column.name for column in nested)]}
    assumed = expected - present if names else set()
    names = sorted({*names, *assumed})
    used = {*TABLES[table], *MARKS}
    wanted = [name for name in names if landing_name(name) in used] or ["id"]
    wanted += ["customer"] * bool(nested)
    types = ", ".join(f"{identifier(name)}: 'varchar'" for name in wanted)
    return Rows(
        f"read_json({source}, columns = {{{types}}})",
        [Column(name, identifier(name), "VARCHAR") for name in names] + nested,
        assumed=frozenset(assumed),
        total=_megabytes(files),
        unit="MB",
        textual=True,
    )


def _nested_customer(names: Sequence[str]) -> list[Column]:
    """The columns of the customer that stands in each invoice, as in the API's."""
    present = set(map(landing_name, names))
    return [
        Column(
            f"customer_{key}",
            f"case when json_valid(customer) then customer ->> '{key}' end",
            "VARCHAR",
        )
        for key in CUSTOMER
        if "customer" in names and landing_name(f"customer_{key}") not in present
    ]


def _layout(file: Path) -> str:
    """How DuckDB calls the way in which objects stand in a JSON file."""
    if format_of(file.name) == "ndjson":
        return "newline_delimited"
    with reading(file), opened(file) as text:
        line = next((line for line in text if line.strip()), "")
    if line.lstrip().startswith("["):
        return "array"
    try:
        orjson.loads(line)
    except ValueError:
        return "unstructured"
    return "newline_delimited"


def _check_same(columns: dict[Path, list[str]]) -> None:
    """Raise HarnessError where a part has other columns than the first, whatever their order."""
    first, *others = columns
    expected = sorted(map(str.lower, columns[first]))
    for file in others:
        given = sorted(map(str.lower, columns[file]))
        if given != expected:
            odd = sorted(set(given) ^ set(expected)) or given
            raise HarnessError(
                f"{file} and {first.name} are parts of one table, but only one of them has "
                f"{', '.join(odd)}; export all parts alike"
            )


def _list(files: Sequence[Path]) -> str:
    return f"[{', '.join(map(path_literal, files))}]"


def _megabytes(files: Sequence[Path]) -> int:
    return round(sum(file.stat().st_size for file in files) / 1e6)


def _reason(error: Exception, place: object) -> str:
    """What DuckDB or the system says, without its advice and the data that it quotes."""
    if isinstance(error, csv.Error | UnicodeDecodeError) and ".csv" in str(place):
        return f"it is no CSV file in UTF-8 ({error})"
    if said := server_reason(str(error)):
        return shortened(said)
    text = str(getattr(error, "strerror", None) or error).replace(f' in file "{place}",', "")
    text = re.sub(r"(?s)^[\w ]+ Error: |Original Line: .*\n(?=Expected |Value |Invalid )", "", text)
    text = re.split(r"\n(?:Possible |Try |\n  file = )", text)[0]
    # In malformed JSON, DuckDB counts one line too many.
    text = re.sub(r"at byte \d+ in line (\d+)", lambda at: f"in line {int(at[1]) - 1}", text)
    return shortened(", ".join(line.rstrip(". ") for line in text.splitlines() if line))

"""The rows of a Lago table out of files of one format, for DuckDB to read."""

import csv
import glob
import itertools
from collections.abc import Sequence
from pathlib import Path

import orjson
from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.foundation.progress import watching
from harness.sources.error_texts import reading
from harness.sources.packed import check_content, last_byte, opened, unpacked
from harness.sources.tables import (
    CUSTOMER,
    Column,
    Rows,
    is_read,
    landing_name,
)

# What DuckDB reads of a CSV file at once, and what there is room for.
_SMALLEST_PIECE, _LARGEST_PIECE = 8_000_000, 1 << 30
_JSON = "maximum_object_size = 33554432, hive_partitioning = false"
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
    def described(parts: Sequence[Path]) -> Rows:
        union = ", union_by_name = true" if len(parts) > 1 else ""
        sql = f"read_parquet({_list(parts)}, hive_partitioning = false{union})"
        found = connection.execute(f"describe from {sql}").fetchall()
        return Rows(sql, [Column(name, identifier(name), type_) for name, type_, *_ in found])

    rows = described(files)
    parts: list[tuple[Path, Rows]] = []
    if len(files) > 1:
        parts = [(file, described([file])) for file in files]
        _check_same({file: [each.name for each in part.columns] for file, part in parts})
        types = {each.name: each.type for each in rows.columns}
        # In the union, a type that could be misread may have become one that could not.
        parts = [
            (file, part)
            for file, part in parts
            if any(types.get(each.name) != each.type for each in part.columns)
        ]
    ((count,),) = connection.execute(f"select count(*) from {rows.sql}").fetchall()
    # The rows of several files have no numbers of their own.
    numbered = len(files) == 1 and all(each.name != "file_row_number" for each in rows.columns)
    return rows._replace(numbered=numbered, total=int(count), parts=tuple(parts))


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
    # Rows stay in the order of the files, since of equal versions the last one counts.
    for order, same in itertools.groupby(files, lambda file: list(map(str.lower, headers[file]))):
        picked = ", ".join(
            f"column{order.index(name.lower())} as column{at}"
            if order.count(name.lower()) == 1
            else f"column{at}"
            for at, name in enumerate(names)
        )
        selects.append(f"select {picked} from read_csv({_list(list(same))}, {options})")
    sql = (
        f"({' union all '.join(selects)})" if len(selects) > 1 else selects[0].split("from ", 1)[1]
    )
    # Where a file is read in pieces, DuckDB may take what stands in quotes for rows, and then say
    # that they are none. (Not parallel = false: that drops a last row whose quote has no end.)
    largest = max(file.stat().st_size for file in files)
    whole = sql.replace(options, f"{options}, buffer_size = {largest + 1}")
    pieces = _SMALLEST_PIECE < largest < _LARGEST_PIECE
    return Rows(
        sql,
        columns,
        total=_megabytes(files),
        unit="MB",
        textual=True,
        in_one_piece=whole if pieces else None,
    )


def _json_rows(connection: DuckDBPyConnection, files: Sequence[Path], table: str) -> Rows:
    layouts = {_layout(file): file for file in files}
    if len(layouts) > 1:
        one, other = sorted(layouts)[:2]
        raise HarnessError(
            f"{layouts[one]} is {one.replace('_', ' ')}, but {layouts[other]} is "
            f"{other.replace('_', ' ')}; export them alike"
        )
    (layout,) = layouts
    for file in files if layout == "array" else ():
        with reading(file):
            # DuckDB takes the end of the file for that of the array.
            if last_byte(file) != b"]":
                raise HarnessError(f"{file} is cut off: its array has no end; export it again")
    source = f"{_list(files)}, format = '{layout}', {_JSON}"
    with watching(connection, f"looking for the columns of {table}"):
        found = connection.execute(
            f"select distinct unnest(map_keys(row)) as key from read_json({source},"
            " records = false, columns = {row: 'map(varchar, varchar)'}) order by key"
        ).fetchall()
    names = [name for (name,) in found]
    nested = _nested_customer(names) if table == "invoices" else []
    wanted = [name for name in names if is_read(name, table)] or ["id"]
    wanted += ["customer"] * bool(nested)
    types = ", ".join(f"{identifier(name)}: 'varchar'" for name in wanted)
    return Rows(
        f"read_json({source}, columns = {{{types}}})",
        [Column(name, identifier(name), "VARCHAR") for name in names] + nested,
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

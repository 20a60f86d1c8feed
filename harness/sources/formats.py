"""The rows of a Lago table out of a file of any format, for DuckDB to read."""

import contextlib
import csv
import glob
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from duckdb import DuckDBPyConnection, Error

from harness.foundation.errors import HarnessError
from harness.foundation.resources import shortage
from harness.sources.tables import FILE_ADVICE, OPTIONAL, TABLES, Column, Rows, landing_name

ENDINGS = (".csv", ".csv.gz", ".parquet", ".ndjson", ".ndjson.gz")

_JSON = "maximum_object_size = 33554432, hive_partitioning = false"
_FIRST_ROWS = 1000


def table_rows(connection: DuckDBPyConnection, file: Path, table: str) -> Rows:
    """The rows of a table's dump. Text stays text; only Parquet has columns of other types.

    Raises HarnessError where the file is empty or cannot be read.
    """
    with reading(file):
        check_content(file)
        if file.name.endswith(".parquet"):
            return _parquet_rows(connection, file)
        if file.name.endswith((".csv", ".csv.gz")):
            return _csv_rows(file)
        return _ndjson_rows(connection, file, table)


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


def opened(file: Path) -> IO[str]:
    """A file as text, unzipped."""
    opener = gzip.open if file.suffix == ".gz" else open
    return opener(file, "rt", encoding="utf-8-sig", newline="")


def check_content(file: Path) -> None:
    """Raise HarnessError where a file is empty, and gzip's error where it is cut off."""
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
    with opened(file) as lines:
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

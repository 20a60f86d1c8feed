"""Builds the project with dbt-snowflake on fakesnow, in the environment of `make test-warehouses`.

    python snowflake_build.py DIRECTORY [LAGO_TABLES] -- ARGUMENTS

as bigquery_build.py.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import snowflake.connector
from fake_snowflake import snowflake as fake
from warehouse_build import TYPES, Rows, built


def main(directory: Path, *words: str) -> None:
    """Builds, and writes the results."""
    place = words.index("--")
    with fake():
        connection = snowflake.connector.connect(database="collection", schema="marts")
        cursor = connection.cursor()
        for tables in words[:place]:
            load(cursor, Path(tables))

        def query(sql: str) -> Rows:
            cursor.execute(sql)
            return list(cursor.fetchall())

        def judging(sql: str) -> Callable[[str], Rows]:
            given = "collection.marts.given_value"
            cursor.execute(f"create table {given} as select 1 as given")
            # Translating it takes seconds, and once will do.
            view = f"create view collection.marts.judged as {sql}"
            cursor.execute(view.replace("given_value", given))

            def judge(value: str) -> Rows:
                cursor.execute(f"create or replace table {given} as select {value} as given")
                return query("select * from collection.marts.judged")

            return judge

        built("snowflake", "collection.marts.{}", directory, words[place + 1 :], query, judging)


def load(cursor: snowflake.connector.cursor.SnowflakeCursor, directory: Path) -> None:
    """Makes Lago's tables of the CSV files in a directory, where an empty field is null."""
    cursor.execute("create schema collection.lago")
    for file in directory.glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        columns = ", ".join(f"{name} {TYPES.get(name, 'varchar')}" for name in header)
        cursor.execute(f"create table collection.lago.{file.stem} ({columns})")
        for start in range(0, len(rows), 1000):
            literals = [
                ", ".join(_literal(text) if text else "null" for text in row)
                for row in rows[start : start + 1000]
            ]
            values = ", ".join(f"({row})" for row in literals)
            cursor.execute(f"insert into collection.lago.{file.stem} values {values}")


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

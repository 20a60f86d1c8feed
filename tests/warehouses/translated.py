"""DuckDB in the place of a service whose SQL sqlglot parses in its dialect and translates.

The session is in the time zone of Los Angeles, so that what takes it shows.
"""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from dbt.adapters.sql import SQLAdapter
from sqlglot import exp
from stand_in import Result, Rows, stands_in
from warehouse_build import WIDE_TYPES, built

CATALOG = "collection"


class Translated:
    """One database, whose only catalog is CATALOG."""

    def __init__(
        self,
        dialect: str,
        mended: Callable[[exp.Expression], exp.Expression | None],
        names: Mapping[str, str],
    ) -> None:
        """mended translates what sqlglot does not; names are the service's of DuckDB's types."""
        self.dialect = dialect
        self.mended = mended
        self.names = names
        self.connection = duckdb.connect()
        self.connection.execute(f"attach ':memory:' as {CATALOG}")
        self.connection.execute(f"use {CATALOG}")
        self.connection.execute("set TimeZone = 'America/Los_Angeles'")

    def run(self, sql: str, bindings: Sequence[Any] | None = None) -> Result:
        result = Result((), [])
        for statement in sqlglot.parse(sql, read=self.dialect):
            if statement is None or isinstance(statement, exp.Comment):
                continue
            if isinstance(statement, exp.Command):
                raise ValueError(f"this is no statement that is known: {statement.sql()}")
            translated = statement.transform(self.mended).sql(
                "duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE
            )
            try:
                cursor = self.connection.execute(translated, bindings or None)
            except duckdb.Error as error:
                raise ValueError(f"{error}\n{translated}") from error
            columns = [(name, self._name(kind)) for name, kind, *_ in cursor.description or ()]
            result = Result(columns, cursor.fetchall())
        return result

    def _name(self, kind: Any) -> str:
        return self.names.get(str(kind), str(kind).lower())

    def relations(self, schema: str) -> list[tuple[str, str]]:
        return self.connection.execute(
            "select table_name, if(table_type = 'VIEW', 'view', 'table')"
            " from information_schema.tables where table_schema = ? and table_catalog = ?",
            [schema, CATALOG],
        ).fetchall()

    def columns(self, schema: str | None, name: str) -> list[tuple[str, str]]:
        found = self.connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = coalesce(?, table_schema) and table_name = ?"
            " order by ordinal_position",
            [schema, name],
        ).fetchall()
        return [(column, self._name(kind)) for column, kind in found]

    def load(self, directory: Path) -> None:
        """Makes Lago's tables of the CSV files in a directory, where an empty field is null."""
        self.connection.execute("create schema lago")
        for file in directory.glob("*.csv"):
            with file.open(newline="", encoding="utf-8") as lines:
                header = next(csv.reader(lines))
            columns = ", ".join(
                f"cast({name} as {WIDE_TYPES.get(name, 'varchar')}) as {name}" for name in header
            )
            self.connection.execute(
                f"create table lago.{file.stem} as select {columns}"
                f" from read_csv('{file}', header = true, all_varchar = true, quote = '\"',"
                " escape = '\"')"
            )


def build(engine: Translated, target: str, adapter: type[SQLAdapter]) -> None:
    """Builds as the arguments of the program say, which are those of bigquery_build.py."""
    directory, *words = sys.argv[1:]
    place = words.index("--")
    for tables in words[:place]:
        engine.load(Path(tables))

    def query(sql: str) -> Rows:
        return engine.run(sql).rows

    def judging(sql: str) -> Callable[[str], Rows]:
        def judge(value: str) -> Rows:
            return query(sql.replace("given_value", f"(select {value} as given) as one"))

        return judge

    stands_in(engine, adapter)
    built(target, f"{CATALOG}.marts.{{}}", Path(directory), words[place + 1 :], query, judging)

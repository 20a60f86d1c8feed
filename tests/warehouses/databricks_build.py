"""Builds the project with dbt-databricks on Spark, in the environment of `make test-warehouses`.

    python databricks_build.py DIRECTORY [LAGO_TABLES] -- ARGUMENTS

as bigquery_build.py. The session is in ANSI mode, in the time zone of Los Angeles.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dbt.adapters.databricks.connections import DatabricksConnectionManager
from dbt.adapters.databricks.impl import DatabricksAdapter
from pyspark.sql import SparkSession
from stand_in import Result, Rows, stands_in
from warehouse_build import WIDE_TYPES, built

# Parquet takes the place of Delta, which alone replaces tables and refuses nulls.
_REPLACED = re.compile(r"create\s+or replace table (\S+)")
_NOT_NULL = re.compile(r"alter table (\S+) change column (\S+) set not null\s*;?\s*")
# What Unity Catalog alone knows.
_CATALOG = re.compile(r"comment on column .*|select\b.*`information_schema`.*", re.DOTALL | re.I)


class Spark:
    """A session on this machine, whose only catalog is spark_catalog."""

    def __init__(self, directory: Path) -> None:
        settings = {
            "spark.sql.ansi.enabled": "true",
            "spark.sql.session.timeZone": "America/Los_Angeles",
            "spark.sql.warehouse.dir": str(directory / "tables"),
            "spark.sql.shuffle.partitions": "2",
            # The SQL is long and the data are small: compiling it would take most of the time.
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.log.level": "ERROR",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        builder = SparkSession.builder.master("local[1]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()

    def run(self, sql: str, bindings: Sequence[Any] | None = None) -> Result:
        statement = re.sub(r"/\*.*?\*/", "", sql, flags=re.DOTALL).strip().rstrip(";")
        if required := _NOT_NULL.fullmatch(statement):
            relation, column = required.groups()
            statement = f"select assert_true({column} is not null) from {relation}"
        if _CATALOG.fullmatch(statement):
            return Result((), [])
        if replaced := _REPLACED.match(statement):
            self.session.sql(f"drop table if exists {replaced[1]}")
            statement = statement.replace("or replace ", "", 1)
        if re.match(r"create\s+table", statement):
            statement = re.sub(r"\busing delta\b", "using parquet", statement, count=1)
        frame = self.session.sql(statement)
        return Result(frame.dtypes, [tuple(row) for row in frame.collect()])

    def relations(self, schema: str) -> list[tuple[str, str]]:
        catalog = self.session.catalog
        if not catalog.databaseExists(schema):
            return []
        return [
            (table.name, "view" if table.tableType == "VIEW" else "table")
            for table in catalog.listTables(schema)
            if not table.isTemporary
        ]

    def columns(self, schema: str | None, name: str) -> list[tuple[str, str]]:
        return self.session.table(f"{schema}.{name}" if schema else name).dtypes

    def load(self, directory: Path) -> None:
        """Makes Lago's tables of the CSV files in a directory, where an empty field is null."""
        self.session.sql("create schema lago")
        types = {
            name: "timestamp_ntz" if kind == "timestamp" else kind
            for name, kind in WIDE_TYPES.items()
        }
        for file in directory.glob("*.csv"):
            # A customer's name has two lines.
            texts = self.session.read.csv(str(file), header=True, escape='"', multiLine=True)
            texts.createOrReplaceTempView("texts")
            columns = (
                f"cast({name} as {types.get(name, 'string')}) as {name}" for name in texts.columns
            )
            self.session.sql(
                f"create table lago.{file.stem} using parquet as select {', '.join(columns)}"
                " from texts"
            )


def main(directory: Path, *words: str) -> None:
    """Builds, and writes the results."""
    place = words.index("--")
    spark = Spark(directory)
    for tables in words[:place]:
        spark.load(Path(tables))

    def query(sql: str) -> Rows:
        return spark.run(sql).rows

    def judging(sql: str) -> Callable[[str], Rows]:
        def judge(value: str) -> Rows:
            spark.session.sql(f"select {value} as given").createOrReplaceTempView("given_value")
            return query(sql)

        return judge

    stands_in(spark, DatabricksAdapter)
    DatabricksConnectionManager._cache_dbr_capabilities = classmethod(lambda *_: None)
    DatabricksAdapter.Column.from_description = classmethod(
        lambda cls, name, kind: cls(column=name, dtype=kind)
    )
    DatabricksAdapter._set_relation_information = lambda self, relation: relation
    built("databricks", "marts.{}", directory, words[place + 1 :], query, judging)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

"""Builds the sample and Lago's tables on Spark, all in one process, as a session starts slowly.

    python spark_builds.py DIRECTORY LAGO_TABLES

writes DIRECTORY/results.json: per build the status of each node, the rows of the marts as texts,
and exclusions with a wrong example; the plan of the pass over all invoices, and how values of each
type are judged.
LAGO_TABLES is a directory with plain CSV files.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from engines import BY_CUSTOMER, LAGO_AS_OF, MARTS, PROJECT, SAMPLE_AS_OF, TABLES, select, strays
from judged import COLUMNS, SPARK, judging_query
from pyspark.sql import SparkSession

# The types in which Lago's tables come to Spark; every other column is text.
TYPES = {
    "status": "int",
    "payment_status": "int",
    "issuing_date": "date",
    "total_amount_cents": "bigint",
    "self_billed": "boolean",
    "payment_dispute_lost_at": "timestamp",
    "archived_at": "timestamp",
    "deleted_at": "timestamp",
    "created_at": "timestamp",
    "invoice_type": "int",
    "payment_due_date": "date",
    "total_paid_amount_cents": "bigint",
}


def main(directory: Path, lago_tables: Path) -> None:
    """Builds both and writes the results."""
    os.environ |= {
        "LAGO_COLLECTION_SPARK": str(directory / "spark"),
        "DBT_TARGET_PATH": str(directory / "target"),
        "DBT_LOG_PATH": str(directory / "logs"),
    }
    sample = build("sample_marts", {"lago__as_of_date": SAMPLE_AS_OF, **BY_CUSTOMER})
    judged = reasons(directory / "target")
    load(lago_tables)
    variables = {"lago__as_of_date": LAGO_AS_OF, "lago__schema": "lago", **BY_CUSTOMER}
    lago = build("lago_marts", variables, "--exclude-resource-type", "unit_test")
    compiled = directory / "target/compiled/lago_invoice_collection/models/intermediate"
    plan = session().sql("explain " + (compiled / "int_invoice_groups.sql").read_text())
    results = {"sample": sample, "judged": judged, "lago": lago, "plan": plan.collect()[0][0]}
    (directory / "results.json").write_text(json.dumps(results))


def build(schema: str, variables: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """The statuses of a build's nodes, its marts, and exclusions with a wrong example."""
    os.environ["LAGO_COLLECTION_SCHEMA"] = schema
    places = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
    run = dbtRunner().invoke(
        ["build", "--target", "spark", *places, "--vars", json.dumps(variables), *arguments]
    )
    if run.exception:
        raise run.exception
    return {
        "statuses": {result.node.name: str(result.status) for result in run.result.results},
        "marts": {mart: rows(select(mart, schema)) for mart in MARTS} if run.success else {},
        "strays": rows(strays(schema)) if run.success else [],
    }


def reasons(target: Path) -> dict[str, list[str | None]]:
    """The reason in each of COLUMNS for each value of SPARK, with and without ANSI mode."""
    query = judging_query(target)
    found = {}
    for ansi in ("false", "true"):
        session().conf.set("spark.sql.ansi.enabled", ansi)
        for value in SPARK:
            session().sql(f"select {value} as given").createOrReplaceTempView("given_value")
            judged = dict(rows(query))
            found[f"{value} (ANSI {ansi})"] = [judged[column] for column in COLUMNS]
    session().conf.set("spark.sql.ansi.enabled", "false")
    return found


def rows(query: str) -> list[list[str | None]]:
    """The rows of a query as texts."""
    return [
        [None if value is None else str(value) for value in row]
        for row in session().sql(query).collect()
    ]


def load(directory: Path) -> None:
    """Makes the tables in the schema lago."""
    session().sql("create schema lago")
    for table in TABLES:
        file = str(directory / f"{table}.csv")
        # A customer's name has two lines.
        texts = session().read.csv(file, header=True, escape='"', multiLine=True)
        texts.createOrReplaceTempView("texts")
        columns = (
            f"cast({name} as {TYPES.get(name, 'string')}) as {name}" for name in texts.columns
        )
        session().sql(
            f"create table lago.{table} using parquet as select {', '.join(columns)} from texts"
        )


def session() -> SparkSession:
    """The session that dbt has started."""
    return SparkSession.builder.getOrCreate()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

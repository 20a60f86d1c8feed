"""What the build's nodes cost on Spark and on DuckDB, with one processor and with two.

    python benchmarks/spark_ratio.py --invoices 10000000

needs what `make test-engines` installs, Java 17, and Linux (taskset). The ids are text, as Spark
reads no UUID from Parquet. From what a second processor gives follows how much of the work does not
run in parallel (Amdahl's law), and from that what more of them would give.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from build_ratio import Builds
from generate import AS_OF_DATE
from measure import PROJECT, RESULTS, generated, run, save, table

PROCESSORS = (1, 2)
MORE_PROCESSORS = (8, 32, 128)
UUIDS = {
    "organizations": ["id"],
    "billing_entities": ["id", "organization_id"],
    "invoices": ["id", "customer_id", "organization_id", "billing_entity_id"],
}
HEAVY = (
    "int_invoice_groups",
    "every_invoice_is_collected_or_excluded",
    "ids_are_unique_stg_lago__invoices_invoice_id",
)


def with_text_ids(invoices: int) -> Path:
    """The directory with generated tables, UUIDs as text."""
    data, target = generated(invoices), RESULTS / f"{invoices}_text_ids"
    target.mkdir(exist_ok=True)
    for name, uuids in UUIDS.items():
        file = target / f"{name}.parquet"
        texts = ", ".join(f"cast({column} as varchar) as {column}" for column in uuids)
        rows = f"select * replace ({texts}) from '{data / name}.parquet'"
        if not file.exists():
            code = "import duckdb, sys; duckdb.connect().execute(sys.argv[1])"
            run([sys.executable, "-c", code, f"copy ({rows}) to '{file}' (format parquet)"])
    return target


def spark_session(data: Path) -> None:
    """Build in this process, in a session of Spark with the processors of PYSPARK_SUBMIT_ARGS."""
    from dbt.cli.main import dbtRunner
    from pyspark.sql import SparkSession

    def dbt(*arguments: str) -> None:
        places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        variables = json.dumps({"lago__as_of_date": str(AS_OF_DATE), "lago__schema": "lago"})
        run = dbtRunner().invoke([*arguments, "--target", "spark", *places, "--vars", variables])
        if run.exception or not run.success:
            raise SystemExit(f"dbt {arguments[0]} failed: {run.exception}")

    dbt("seed")
    spark = SparkSession.builder.getOrCreate()
    spark.sql("create schema lago")
    for name in UUIDS:
        location = data / f"{name}.parquet"
        spark.sql(f"create table lago.{name} using parquet location '{location}'")
    dbt("build", "--exclude-resource-type", "unit_test")


def pinned(processors: int) -> list[str]:
    """The beginning of a command that may use the first processors only, Java's own threads too."""
    return ["taskset", "--cpu-list", f"0-{processors - 1}"]


def on_spark(data: Path, processors: int) -> dict[str, float]:
    """The seconds of each node on Spark."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        run(
            [*pinned(processors), sys.executable, __file__, "--session", data],
            PYSPARK_SUBMIT_ARGS=f"--master local[{processors}] pyspark-shell",
            LAGO_COLLECTION_SPARK=str(directory / "spark"),
            DBT_TARGET_PATH=str(directory / "target"),
            DBT_LOG_PATH=str(directory / "logs"),
        )
        results = json.loads((directory / "target" / "run_results.json").read_text())
        return {
            each["unique_id"].split(".")[2]: each["execution_time"] for each in results["results"]
        }


def on_duckdb(data: Path, processors: int) -> dict[str, float]:
    """The seconds of each node on DuckDB."""
    os.environ["LAGO_COLLECTION_DUCKDB"] = json.dumps({"threads": processors})
    builds = Builds(f"duckdb_{processors}", data)
    builds.build()
    builds.build()
    return {node.split(".")[2]: seconds for node, seconds in builds.nodes[-1].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare Spark with DuckDB.")
    parser.add_argument("--invoices", type=int, default=10_000_000, help="default: %(default)s")
    parser.add_argument("--session", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.session:
        spark_session(arguments.session)
        return
    data = with_text_ids(arguments.invoices)
    measured = {
        f"{engine}, {processors}": measure(data, processors)
        for engine, measure in (("Spark", on_spark), ("DuckDB", on_duckdb))
        for processors in PROCESSORS
    }
    rows: list[tuple[object, ...]] = [
        (node, *(nodes[node] for nodes in measured.values())) for node in HEAVY
    ]
    rows.append(("all nodes", *(sum(nodes.values()) for nodes in measured.values())))
    print(f"{arguments.invoices:,} invoices, seconds by engine and processors\n")
    print(table(["", *measured], rows))
    one, two = (measured[f"Spark, {processors}"]["int_invoice_groups"] for processors in PROCESSORS)
    serial = max(0.0, 2 * two / one - 1)
    print(f"\nOf the pass over all invoices {serial:.0%} does not run in parallel on Spark.\n")
    more = [(count, one * (serial + (1 - serial) / count)) for count in MORE_PROCESSORS]
    print(table(["processors", "seconds by Amdahl's law"], more))
    save("spark_ratio", arguments.invoices, {"nodes": measured, "serial": serial})


if __name__ == "__main__":
    main()

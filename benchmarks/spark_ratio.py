"""What the build's nodes cost on a Spark cluster and on DuckDB, with one processor and with two.

    python benchmarks/spark_ratio.py --invoices 10000000

starts a master, workers of one core each, and a Thrift server, on loopback, and builds there with
all data tests. Seconds and bytes of a node are those of its statements in Spark's own log of
events, of the second time that the heavy ones run. Needs what `make test-cluster` installs, and
Java 17. The ids are text, as Spark reads no UUID from Parquet.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from build_ratio import Builds
from generate import AS_OF_DATE
from measure import GB, PROJECT, RESULTS, generated, run, save, table

sys.path.append(str(PROJECT / "tests" / "cluster"))
from spark_cluster import running_cluster

PROCESSORS = (1, 2)
UUIDS = {
    "organizations": ["id"],
    "billing_entities": ["id", "organization_id"],
    "customers": ["id", "organization_id"],
    "invoices": ["id", "customer_id", "organization_id", "billing_entity_id"],
}
HEAVY = (
    "int_invoice_groups",
    "invoice_exclusions",
    "uncollected_invoices",
    "every_invoice_is_collected_or_excluded",
    "ids_are_unique_stg_lago__invoices_invoice_id",
)
SQL = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecution"
WRITTEN = "internal.metrics.shuffle.write.bytesWritten"


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


def on_spark(data: Path, workers: int) -> tuple[dict[str, float], dict[str, float]]:
    """The seconds of each node on a cluster, and the bytes that it wrote for others to read."""
    variables = json.dumps({"lago__as_of_date": str(AS_OF_DATE), "lago__schema": "lago"})
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        events = directory / "events"
        with running_cluster(directory, workers, memory="4g", events=events) as cluster:
            cluster.rows("create schema lago")
            for each in UUIDS:
                file = data / f"{each}.parquet"
                cluster.rows(f"create table lago.{each} using parquet location '{file}'")
            build = [
                *(Path(sys.executable).with_name("dbt"), "--quiet", "build"),
                *("--target", "spark_cluster", "--vars", variables),
                # One after the other, so that each has all workers.
                *("--exclude-resource-type", "unit_test", "--threads", "1"),
                *("--project-dir", PROJECT, "--profiles-dir", PROJECT),
                *("--target-path", directory / "target", "--log-path", directory / "logs"),
            ]
            environment = cluster.environment("lago_collection")
            # What is compiled at the first time is not measured; nor is DuckDB's first build.
            models = ("--select", "+invoice_exclusions", "--exclude-resource-type", "test")
            run([*build, *models], **environment)
            warm = time.time() * 1000
            run(build, **environment)
        return by_node(events, warm)


def by_node(events: Path, since: float) -> tuple[dict[str, float], dict[str, float]]:
    """The seconds of each node and the bytes of its shuffles, by the events of an application.

    `since` is the Unix time in milliseconds before which statements do not count.
    """
    begun: dict[int, tuple[str, int]] = {}
    ended: dict[int, int] = {}
    executions: dict[int, int] = {}
    written: dict[int, int] = {}
    for event in _events(events):
        match event["Event"]:
            case kind if (
                kind == f"{SQL}Start"
                and event["time"] >= since
                and '"node_id": "' in event["description"]
            ):
                node = event["description"].split('"node_id": "')[1].split('"')[0].split(".")[2]
                begun[event["executionId"]] = node, event["time"]
            case kind if kind == f"{SQL}End":
                ended[event["executionId"]] = event["time"]
            case "SparkListenerJobStart":
                execution = int(event["Properties"].get("spark.sql.execution.id", -1))
                executions |= dict.fromkeys(event["Stage IDs"], execution)
            case "SparkListenerStageCompleted":
                stage = event["Stage Info"]
                for each in stage["Accumulables"]:
                    if each["Name"] == WRITTEN:
                        written[stage["Stage ID"]] = int(each["Value"])
    spans: dict[str, tuple[int, int]] = {}
    shuffled: dict[str, float] = {}
    for execution, (node, start) in begun.items():
        first, last = spans.get(node, (start, start))
        spans[node] = min(first, start), max(last, ended.get(execution, start))
        stages = [stage for stage, of in executions.items() if of == execution]
        shuffled[node] = shuffled.get(node, 0) + sum(written.get(stage, 0) for stage in stages)
    return {node: (last - first) / 1000 for node, (first, last) in spans.items()}, shuffled


def _events(directory: Path) -> Iterator[dict[str, Any]]:
    for file in directory.rglob("events_*"):
        with file.open() as lines:
            yield from map(json.loads, lines)


def on_duckdb(data: Path, processors: int) -> dict[str, float]:
    """The seconds of each node on DuckDB."""
    os.environ["LAGO_COLLECTION_DUCKDB"] = json.dumps({"threads": processors})
    builds = Builds(f"duckdb_{processors}", data)
    builds.build()
    builds.build()
    return {node.split(".")[2]: seconds for node, seconds in builds.nodes[-1].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a Spark cluster with DuckDB.")
    parser.add_argument("--invoices", type=int, default=10_000_000, help="default: %(default)s")
    arguments = parser.parse_args()
    data = with_text_ids(arguments.invoices)
    measured: dict[str, dict[str, float]] = {}
    shuffled: dict[str, float] = {}
    for count in PROCESSORS:
        measured[f"DuckDB, {count}"] = on_duckdb(data, count)
    for count in PROCESSORS:
        measured[f"Spark, {count}"], shuffled = on_spark(data, count)
    rows = [
        (node, *(nodes[node] for nodes in measured.values()), shuffled[node] / GB) for node in HEAVY
    ]
    totals = [sum(nodes.values()) for nodes in measured.values()]
    rows.append(("all nodes", *totals, sum(shuffled.values()) / GB))
    print(f"{arguments.invoices:,} invoices, seconds by engine and workers or threads\n")
    print(table(["", *measured, "GB shuffled by Spark"], rows))
    heavy = {name: nodes["int_invoice_groups"] for name, nodes in measured.items()}
    for count in PROCESSORS:
        ratio = heavy[f"Spark, {count}"] / heavy[f"DuckDB, {count}"]
        print(f"\nThe pass over all invoices, Spark to DuckDB with {count}: {ratio:.1f}")
    print(f"\nTwo workers to one: {heavy['Spark, 1'] / heavy['Spark, 2']:.2f} times as fast")
    save("spark_ratio", arguments.invoices, {"nodes": measured, "shuffled": shuffled})


if __name__ == "__main__":
    main()

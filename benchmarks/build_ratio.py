"""How much longer a dbt build takes on many invoices than one query by hand on the same files.

    python benchmarks/build_ratio.py --invoices 10000000 --runs 5 --max-proven 2 --max-all 4

The data cost of a build is its time on these invoices less its time on the sample, which is what
dbt itself costs; both with all data tests, or without the one that a load has made needless. The
ratio is the data cost to the time of the query. Its figures must equal those of the mart, row by
row. The runs take turns, so that a busy machine slows all alike; processor time, which waiting for
a processor does not change, stands beside.

Exit codes: 0; 1 where a ratio is above its limit; 2 where a build fails or figures differ.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import floor
from generate import AS_OF_DATE
from measure import GB, HERE, PROJECT, RESULTS, Cost, generated, in_turns, median_cost, run, save
from measure import table as markdown

PROVEN = ("--exclude", "test_name:ids_are_unique")
SLOWEST = 8


def time_floor(data: Path, engine: str) -> Cost:
    """What the query by hand costs, in a process of its own."""
    command = [sys.executable, str(HERE / "floor.py"), str(data), "--with", engine]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, processor_seconds = map(float, finished.stdout.split())
    return Cost(seconds, processor_seconds)


class Builds:
    """The dbt builds of one kind: of which data, and with which tests."""

    def __init__(self, name: str, data: Path | None, *arguments: str) -> None:
        self.directory = RESULTS / "builds" / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.database = self.directory / "build.duckdb"
        variables = {"lago__as_of_date": str(AS_OF_DATE)}
        if data:
            variables |= {"lago__raw_location": str(data / "{name}.parquet")}
        self.command = [
            *(Path(sys.executable).with_name("dbt"), "--quiet", "build", *arguments),
            *("--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)),
            *("--project-dir", PROJECT, "--profiles-dir", PROJECT),
            *("--target-path", self.directory / "target", "--log-path", self.directory / "logs"),
        ]
        self.nodes: list[dict[str, float]] = []
        """The seconds of each node, per build."""

    def build(self) -> Cost:
        """One more, into a new database; its seconds are what dbt says has elapsed."""
        for leftover in self.directory.glob(f"{self.database.name}*"):
            leftover.unlink()
        cost = run(self.command, LAGO_COLLECTION_DATABASE=str(self.database))
        results = json.loads((self.directory / "target" / "run_results.json").read_text())
        self.nodes.append(
            {each["unique_id"]: each["execution_time"] for each in results["results"]}
        )
        return Cost(results["elapsed_time"], cost.processor_seconds, cost.peak_memory)

    def seconds(self, node: str) -> float:
        """The median of a node, without the build that only filled the caches."""
        return median(nodes.get(node, 0.0) for nodes in self.nodes[1:] or self.nodes)


def compare(data: Path, database: Path) -> int:
    """The rows of the mart; ends the benchmark where the query by hand has others."""
    mart = "select * from built.main.invoice_collection"
    by_hand = f"""
        select
            cast(organization_id as varchar) as organization_id,
            month,
            ['pending', 'succeeded', 'failed'][1 + payment_status] as payment_status,
            currency,
            invoices_count,
            amount_cents
        from ({floor.query(floor.parquet(data))})
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{database}' as built (read_only)")
        ((rows, differing),) = connection.execute(
            f"""
            select
                (select count(*) from ({mart})),
                (select count(*) from (({mart}) except all ({by_hand})))
                + (select count(*) from (({by_hand}) except all ({mart})))
            """
        ).fetchall()
    if differing:
        print(f"{differing} rows of the mart and of the query by hand differ.", file=sys.stderr)
        raise SystemExit(2)
    return int(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare a dbt build with a query by hand.")
    parser.add_argument("--invoices", type=int, default=10_000_000, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--max-proven", type=float, help="limit where ids are proven to be unique")
    parser.add_argument("--max-all", type=float, help="limit of the build with all tests")
    arguments = parser.parse_args()

    data = generated(arguments.invoices)
    proven, all_tests = Builds("proven", data, *PROVEN), Builds("all", data)
    sample_proven, sample_all = Builds("sample_proven", None, *PROVEN), Builds("sample_all", None)
    contenders: dict[str, Callable[[], Cost]] = {
        "query by hand, DuckDB": lambda: time_floor(data, "duckdb"),
        "query by hand, Polars": lambda: time_floor(data, "polars"),
        "dbt build, ids proven by the load": proven.build,
        "the same of the sample": sample_proven.build,
        "dbt build, all tests": all_tests.build,
        "the same of the sample ": sample_all.build,
    }
    costs = in_turns(contenders, arguments.runs)
    rows = compare(data, all_tests.database)

    medians = {name: median_cost(each) for name, each in costs.items()}
    base, _, build, sample, build_all, sample_all_cost = medians.values()
    medians |= {
        "data cost, ids proven": build - sample,
        "data cost, all tests": build_all - sample_all_cost,
    }
    print(
        f"{arguments.invoices:,} invoices, median of {arguments.runs} runs; {rows:,} rows,", end=""
    )
    print(" equal to the query's\n")
    print(
        markdown(
            ["", "seconds", "to the query", "of all processors", "to the query's", "peak GB"],
            [
                (
                    name.strip(),
                    cost.seconds,
                    cost.seconds / base.seconds,
                    cost.processor_seconds,
                    cost.processor_seconds / base.processor_seconds,
                    cost.peak_memory / GB,
                )
                for name, cost in medians.items()
            ],
        )
    )
    slowest = sorted(all_tests.nodes[-1], key=all_tests.seconds, reverse=True)[:SLOWEST]
    nodes = {
        node.split(".")[2]: (all_tests.seconds(node), sample_all.seconds(node)) for node in slowest
    }
    print(
        "\n"
        + markdown(
            ["slowest nodes", "seconds", "on the sample"], [(n, *s) for n, s in nodes.items()]
        )
    )
    ratios = {
        name: medians[f"data cost, {name}"].seconds / base.seconds
        for name in ("ids proven", "all tests")
    }
    save("build_ratio", arguments.invoices, {"ratios": ratios, "nodes": nodes, "costs": costs})
    limits = {"ids proven": arguments.max_proven, "all tests": arguments.max_all}
    return int(any(limit is not None and ratios[name] > limit for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())

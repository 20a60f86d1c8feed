"""How much longer a dbt build takes on many invoices than one query by hand on the same files.

    python benchmarks/build_ratio.py --invoices 10000000 --runs 3 --max-ratio 6

The data cost of the build is its time on these invoices less its time on the sample, which is what
dbt itself costs. The ratio is the data cost to the time of the query. Its figures must equal those
of the mart, row by row. The runs take turns, so that a busy machine slows all alike. The same in
processor time, which waiting for a processor does not change, stands beside.

Exit codes: 0; 1 where the ratio is above --max-ratio; 2 where a build fails or figures differ.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NoReturn

import duckdb
import floor
from generate import AS_OF_DATE, TABLES

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
DBT = Path(sys.executable).with_name("dbt")

# ru_maxrss is in bytes on macOS, in kilobytes elsewhere.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of all processors together."""

    seconds: float
    processor_seconds: float


@dataclass(frozen=True)
class Build:
    """One dbt build: its cost, seconds by node, and the most memory the process held, in bytes."""

    cost: Cost
    node_seconds: dict[str, float]
    peak_memory: int


@dataclass(frozen=True)
class Measurement:
    """What every run cost, in the order of the runs."""

    floors: list[Cost]
    builds: list[Build]
    sample_builds: list[Build]

    @property
    def floor(self) -> Cost:
        return median_cost(self.floors)

    @property
    def build(self) -> Cost:
        return median_cost([build.cost for build in self.builds])

    @property
    def sample_build(self) -> Cost:
        return median_cost([build.cost for build in self.sample_builds])

    @property
    def data_cost(self) -> Cost:
        """What the build spends on the data."""
        return Cost(
            self.build.seconds - self.sample_build.seconds,
            self.build.processor_seconds - self.sample_build.processor_seconds,
        )

    @property
    def ratio(self) -> float:
        return self.data_cost.seconds / self.floor.seconds

    @property
    def processor_ratio(self) -> float:
        return self.data_cost.processor_seconds / self.floor.processor_seconds

    @property
    def peak_memory(self) -> int:
        return max(build.peak_memory for build in self.builds)

    def slowest_nodes(self, number: int) -> dict[str, tuple[float, float]]:
        """The nodes with the highest median of seconds: on the data, and on the sample."""
        nodes = {
            node: (median_of_node(self.builds, node), median_of_node(self.sample_builds, node))
            for node in self.builds[0].node_seconds
        }
        slowest = sorted(nodes, key=lambda node: nodes[node], reverse=True)[:number]
        return {node: nodes[node] for node in slowest}


def median_cost(costs: list[Cost]) -> Cost:
    return Cost(
        median(cost.seconds for cost in costs),
        median(cost.processor_seconds for cost in costs),
    )


def median_of_node(builds: list[Build], node: str) -> float:
    return median(build.node_seconds.get(node, 0.0) for build in builds)


def measure(data: Path, runs: int) -> Measurement:
    """The measured runs, after a round that only fills the caches."""
    measurement = Measurement([], [], [])
    for run in range(runs + 1):
        floor_cost = time_floor(data)
        build = time_build(data / "build", str(data / "{name}.parquet"))
        sample_build = time_build(data / "sample", None)
        if run > 0:
            measurement.floors.append(floor_cost)
            measurement.builds.append(build)
            measurement.sample_builds.append(sample_build)
        print(
            f"run {run} of {runs}{'' if run else ' (not counted)'}:"
            f" query {floor_cost.seconds:.2f} s, build {build.cost.seconds:.2f} s,"
            f" build of the sample {sample_build.cost.seconds:.2f} s",
            file=sys.stderr,
        )
    return measurement


def time_floor(data: Path) -> Cost:
    """What the query by hand costs, in a process of its own."""
    command = [sys.executable, str(HERE / "floor.py"), str(data)]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, processor_seconds = map(float, finished.stdout.split())
    return Cost(seconds, processor_seconds)


def time_build(directory: Path, raw_location: str | None) -> Build:
    """One dbt build with its data tests, in `directory`; without a location, of the sample."""
    target = directory / "target"
    database = directory / "build.duckdb"
    directory.mkdir(exist_ok=True)
    for leftover in directory.glob(f"{database.name}*"):  # a killed run leaves a .wal, too
        leftover.unlink()
    variables = {"lago__as_of_date": str(AS_OF_DATE)}
    if raw_location:
        variables |= {"lago__raw_location": raw_location}
    command = [str(DBT), "--quiet", "build", "--exclude-resource-type", "unit_test"]
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    command += ["--target-path", str(target), "--log-path", str(directory / "logs")]
    command += ["--vars", json.dumps(variables)]
    environment = os.environ | {"LAGO_COLLECTION_DATABASE": str(database)}

    # The project names the files of its sample relative to itself.
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        fail(f"dbt build failed in {directory}; its messages are above.")

    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))
    return Build(
        # Reading the project is in the processor time only, and the same for the sample.
        cost=Cost(results["elapsed_time"], usage.ru_utime + usage.ru_stime),
        node_seconds={node["unique_id"]: node["execution_time"] for node in results["results"]},
        peak_memory=usage.ru_maxrss * MAXRSS_UNIT,
    )


def compare(data: Path) -> tuple[int, int]:
    """The rows of the mart, and how many rows the mart and the query by hand do not share."""
    mart = "select * from built.main.invoice_collection"
    by_hand = f"""
        select
            cast(organization_id as varchar) as organization_id,
            month,
            ['pending', 'succeeded', 'failed'][1 + payment_status] as payment_status,
            currency,
            invoices_count,
            amount_cents
        from ({floor.query(data)})
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{data / 'build' / 'build.duckdb'}' as built (read_only)")
        counted = connection.execute(
            f"""
            select
                (select count(*) from ({mart})),
                (select count(*) from (({mart}) except all ({by_hand})))
                + (select count(*) from (({by_hand}) except all ({mart})))
            """
        ).fetchone()
    assert counted is not None
    return counted[0], counted[1]


def table_of(invoices: int, measurement: Measurement, rows: int) -> str:
    """The result for people."""
    costs = {
        "query by hand": measurement.floor,
        "dbt build": measurement.build,
        "dbt build of the sample": measurement.sample_build,
        "data cost of the build": measurement.data_cost,
        "ratio to the query": Cost(measurement.ratio, measurement.processor_ratio),
    }
    lines = [
        f"{invoices:,} invoices, median of {len(measurement.floors)} runs",
        "",
        f"{'':24}{'seconds':>10}{'of all processors':>20}",
        *(
            f"{name:24}{cost.seconds:10.2f}{cost.processor_seconds:20.2f}"
            for name, cost in costs.items()
        ),
        "",
        f"{'peak memory of dbt':24}{measurement.peak_memory / 1e9:10.2f} GB",
        f"{'rows of the mart':24}{rows:10,}, all equal to the query's",
        "",
        f"{'slowest nodes':24}{'seconds':>10}{'on the sample':>20}",
    ]
    for node, (seconds, sample_seconds) in measurement.slowest_nodes(10).items():
        _, _, name = node.split(".", maxsplit=2)
        lines.append(f"{seconds:34.2f}{sample_seconds:20.2f}  {name[:45]}")
    return "\n".join(lines)


def fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(2)


def machine() -> dict[str, object]:
    """What the figures depend on besides the project."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "dbt-core": version("dbt-core"),
        "dbt-duckdb": version("dbt-duckdb"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare a dbt build with a query by hand.")
    parser.add_argument("--invoices", type=int, default=10_000_000, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--directory", type=Path, default=HERE / "results")
    parser.add_argument("--max-ratio", type=float, help="exit with 1 if the ratio is above")
    arguments = parser.parse_args()

    data: Path = arguments.directory.resolve() / str(arguments.invoices)
    if not all((data / f"{table}.parquet").exists() for table in TABLES):
        # A process of its own: a child's peak memory starts at what its parent has held.
        generate = [sys.executable, str(HERE / "generate.py"), str(data)]
        subprocess.run([*generate, "--invoices", str(arguments.invoices)], check=True)

    measurement = measure(data, arguments.runs)
    rows, differing = compare(data)
    if differing:
        fail(f"{differing} rows of the mart and of the query by hand differ.")

    print(table_of(arguments.invoices, measurement, rows))
    result = {
        "invoices": arguments.invoices,
        "ratio": measurement.ratio,
        "processor_ratio": measurement.processor_ratio,
        "data_cost": asdict(measurement.data_cost),
        "peak_memory_bytes": measurement.peak_memory,
        "rows": rows,
        "machine": machine(),
        "runs": asdict(measurement),
    }
    (data / "build_ratio.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(arguments.max_ratio is not None and measurement.ratio > arguments.max_ratio)


if __name__ == "__main__":
    sys.exit(main())

"""What each step of `harness run` costs, and what a warm run costs beside dbt alone.

    python benchmarks/run_steps.py --invoices 1000000 10000000 50000000 --memory-limit 2GB

The steps run one after the other, as `harness run` has them, first in a new home (cold: dbt reads
the whole project) and then again in the same (warm). With --memory-limit the largest size runs once
more, warm, within it. Last, on the sample: a warm `harness run` and `dbt build` in turns.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from generate import AS_OF_DATE
from measure import GB, PROJECT, Cost, generated, in_turns, median_cost, run, save, table

HARNESS = (sys.executable, "-m", "harness")
STEPS = ("load", "build", "check", "publish", "report")


def steps(home: Path, invoices: int, *limits: object) -> dict[str, Cost]:
    """What each step costs on so many invoices."""
    words = {
        "load": ("--from", generated(invoices), *limits),
        "build": ("--as-of", AS_OF_DATE, *limits),
    }
    return {step: run([*HARNESS, step, "--home", home, *words.get(step, ())]) for step in STEPS}


def sample_ratio(directory: Path, runs: int) -> tuple[float, dict[str, list[Cost]]]:
    """A warm run on the sample, report and all, to a warm `dbt build` of the same."""
    target = directory / "dbt"
    dbt = [
        *(Path(sys.executable).with_name("dbt"), "--quiet", "build"),
        *("--exclude-resource-type", "unit_test", "--project-dir", PROJECT),
        *("--profiles-dir", PROJECT, "--target-path", target, "--log-path", target),
    ]
    harness_run = [*HARNESS, "run", "--home", directory / "sample"]
    costs = in_turns(
        {
            "dbt build": lambda: run(dbt, LAGO_COLLECTION_DATABASE=str(directory / "dev.duckdb")),
            "harness run": lambda: run(harness_run),
        },
        runs,
    )
    alone, whole = (median_cost(each).seconds for each in costs.values())
    return whole / alone, costs


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the steps of harness run.")
    parser.add_argument("--invoices", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--runs", type=int, default=3, help="of the sample; default: %(default)s")
    parser.add_argument("--memory-limit", help="of the largest size, once more")
    arguments = parser.parse_args()

    measured: dict[str, dict[str, Cost]] = {}
    with tempfile.TemporaryDirectory() as name:
        for invoices in arguments.invoices:
            home = Path(name) / str(invoices)
            measured[f"{invoices:,}, cold"] = steps(home, invoices)
            measured[f"{invoices:,}, warm"] = steps(home, invoices)
        if arguments.memory_limit:
            limited = f"{invoices:,}, warm, {arguments.memory_limit}"
            measured[limited] = steps(home, invoices, "--memory-limit", arguments.memory_limit)
        ratio, costs = sample_ratio(Path(name), arguments.runs)

    rows = [
        (name, *(each[step].seconds for step in STEPS), sum(cost.seconds for cost in each.values()))
        for name, each in measured.items()
    ]
    print(table(["invoices, seconds", *STEPS, "all"], rows))
    peaks = [
        (name, *(each[step].peak_memory / GB for step in STEPS)) for name, each in measured.items()
    ]
    print("\n" + table(["invoices, peak GB", *STEPS], peaks))
    sample = [(name, median_cost(each).seconds) for name, each in costs.items()]
    print("\n" + table(["the sample, warm", "seconds"], [*sample, ("ratio", ratio)]))
    save("run_steps", max(arguments.invoices), {"ratio": ratio, "steps": measured, "costs": costs})


if __name__ == "__main__":
    main()

"""Running dbt on the scratch database."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from harness.errors import HarnessError
from harness.formats import path_literal
from harness.home import PROJECT, Home, new_id, now, read_json, write_json
from harness.load import current_load


@dataclass(frozen=True)
class Build:
    """One run of dbt: what it was made of, and whether every model and test succeeded."""

    build_id: str
    load_id: str
    as_of_date: str
    succeeded: bool
    elapsed_seconds: float


def build(home: Home, as_of: date | None) -> Build:
    """Build and test the marts from the current load, in a new scratch database.

    The as-of date is the given one, else the sample's own, else today in UTC. Raises HarnessError
    when nothing is loaded or dbt itself breaks down; a failed model or test is in the result.
    """
    load = current_load(home)
    moment = now()
    as_of_date = as_of.isoformat() if as_of else load.as_of_date or moment.date().isoformat()
    home.scratch.mkdir(parents=True, exist_ok=True)
    for leftover in ("build.json", "check.json", "collection.duckdb", "collection.duckdb.wal"):
        (home.scratch / leftover).unlink(missing_ok=True)
    results_file = home.scratch / "target" / "run_results.json"
    results_file.unlink(missing_ok=True)

    process = subprocess.run(
        _command(home, as_of_date),
        env=_environment(home),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode not in (0, 1) or not results_file.exists():
        output = (process.stdout + process.stderr).strip().splitlines()
        raise HarnessError(
            f"dbt broke down with exit code {process.returncode}; its last words, the rest being "
            f"in {home.scratch / 'logs' / 'dbt.log'}:\n" + "\n".join(output[-15:])
        )
    built = Build(
        build_id=new_id(moment),
        load_id=load.load_id,
        as_of_date=as_of_date,
        succeeded=process.returncode == 0,
        elapsed_seconds=dbt_results(home)["elapsed_time"],
    )
    write_json(home.scratch / "build.json", asdict(built))
    return built


def current_build(home: Home) -> Build:
    """The build in the scratch database; raises HarnessError where there is none."""
    return Build(**read_json(home.scratch / "build.json", "nothing is built; run: harness build"))


def dbt_results(home: Home) -> dict[str, Any]:
    """What dbt says of the build: its run_results.json."""
    return read_json(
        home.scratch / "target" / "run_results.json", "dbt left no results; run: harness build"
    )


def _command(home: Home, as_of_date: str) -> list[str]:
    # dbt puts the table's name into the braces.
    raw = path_literal(home.raw).replace("{", "{{").replace("}", "}}")[:-1] + "/{name}.parquet'"
    variables = {
        "lago__as_of_date": as_of_date,
        "lago__raw_location": f"read_parquet({raw}, hive_partitioning = false)",
        "lago__absent_columns": [],
    }
    return [
        sys.executable,
        *("-m", "dbt.cli.main", "build"),
        *("--exclude-resource-type", "unit_test"),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", "dev"),
        *("--target-path", str(home.scratch / "target")),
        *("--log-path", str(home.scratch / "logs")),
        *("--vars", json.dumps(variables)),
        "--no-use-colors",
    ]


def _environment(home: Home) -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("DBT_")}
    return ours | {"LAGO_COLLECTION_DATABASE": str(home.scratch / "collection.duckdb")}

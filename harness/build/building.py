"""Running dbt on the scratch database."""

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from harness.build.dbt import run_dbt
from harness.foundation.errors import HarnessError
from harness.foundation.files import make_directory, plain_path, read_json, write_json
from harness.foundation.home import Home, now
from harness.foundation.resources import UNLIMITED, Resources, machine_fault
from harness.foundation.versions import new_id
from harness.load.loading import current_load, ids_are_proven
from harness.sources.formats import path_literal

UNIQUENESS_TEST = "ids_are_unique"
"""The dbt test that costs most, and that a build of what a load has proven leaves out."""


@dataclass(frozen=True)
class Build:
    """One run of dbt: what it was made of, and whether every model and test succeeded."""

    build_id: str
    load_id: str
    as_of_date: str
    succeeded: bool
    elapsed_seconds: float
    """As dbt says, which leaves out its start."""
    ids_proven_by_load: bool = False
    """Whether the test that ids are unique was left out, as the load has found that they are."""
    invocation_id: str | None = None
    """dbt's own id of the run, which its results bear, too."""
    home: str | None = None
    """Where it was made: its views read the files that were loaded there."""


def build(
    home: Home,
    as_of: date | None,
    lock: int,
    resources: Resources = UNLIMITED,
    by_customer: bool = False,
) -> Build:
    """Build and test the marts from the current load, in a new scratch database.

    `lock` is the descriptor that holds the home's lock. The as-of date is the given one, else the
    sample's own, else today in UTC. Raises HarnessError when nothing is loaded, when memory or disk
    ran out, or when dbt itself breaks down; a failed model or test is in the result.
    """
    load = current_load(home)
    if not (home.raw / "customers.parquet").exists():
        raise HarnessError("the load is of an older version of this harness; run: harness load")
    moment = now()
    as_of_date = as_of.isoformat() if as_of else load.as_of_date or moment.date().isoformat()
    make_directory(home.scratch)
    for leftover in ("build.json", "check.json", "collection.duckdb", "collection.duckdb.wal"):
        (home.scratch / leftover).unlink(missing_ok=True)
    results_file = home.scratch / "target" / "run_results.json"
    results_file.unlink(missing_ok=True)

    temporary = home.scratch / "tmp"
    is_proven = ids_are_proven(home, load)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with plain_path(home.scratch) as scratch:
            run = run_dbt(
                _arguments(home, is_proven, by_customer),
                {
                    "LAGO_COLLECTION_DATABASE": str(scratch / "collection.duckdb"),
                    "LAGO_COLLECTION_DUCKDB": json.dumps(resources.config(temporary)),
                    "LAGO_COLLECTION_AS_OF_DATE": as_of_date,
                },
                lock,
            )
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if run.returncode < 0:
        raise HarnessError(
            f"dbt was ended by signal {-run.returncode}; where that was the system, as memory ran "
            "out, give a lower --memory-limit; what was published before stays"
        )
    if run.returncode not in (0, 1) or not results_file.exists():
        last_words = "\n".join(run.messages[-15:])
        raise machine_fault("\n".join(run.messages)) or HarnessError(
            f"dbt broke down with exit code {run.returncode}; its last words, the rest being "
            f"in {home.scratch / 'logs' / 'dbt.log'}:\n{last_words}"
        )
    results = dbt_results(home)
    for result in results["results"]:
        if lacking := machine_fault(str(result["message"])):
            raise lacking
    built = Build(
        build_id=new_id(moment),
        load_id=load.load_id,
        as_of_date=as_of_date,
        succeeded=run.returncode == 0,
        elapsed_seconds=round((now() - moment).total_seconds(), 3),
        ids_proven_by_load=is_proven,
        invocation_id=results["metadata"]["invocation_id"],
        home=str(home.path.resolve()),
    )
    write_json(home.scratch / "build.json", asdict(built))
    return built


def current_build(home: Home) -> Build:
    """The build in the scratch database; raises HarnessError where there is none of this home."""
    built = Build(**read_json(home.scratch / "build.json", "nothing is built; run: harness build"))
    if built.home != str(home.path.resolve()):
        raise HarnessError(
            f"the build in {home.scratch} reads what is loaded elsewhere, as it was made"
            f" {f'in {built.home}' if built.home else 'by an older version of this harness'};"
            " run: harness build"
        )
    return built


def dbt_results(home: Home) -> dict[str, Any]:
    """What dbt says of the build: its run_results.json."""
    return read_json(
        home.scratch / "target" / "run_results.json", "dbt left no results; run: harness build"
    )


def _arguments(home: Home, is_proven: bool, by_customer: bool) -> list[str]:
    # dbt puts the table's name into the braces.
    raw = path_literal(home.raw).replace("{", "{{").replace("}", "}}")[:-1] + "/{name}.parquet'"
    # Where these differ from the last run's, dbt reads the whole project again.
    variables = {
        "lago__raw_location": f"read_parquet({raw}, hive_partitioning = false)",
        "lago__absent_columns": [],
        "lago__by_customer": by_customer,
    }
    return [
        *("build", "--exclude-resource-type", "unit_test"),
        *(("--exclude", f"test_name:{UNIQUENESS_TEST}") if is_proven else ()),
        *("--target-path", str(home.scratch / "target")),
        *("--log-path", str(home.scratch / "logs")),
        *("--vars", json.dumps(variables)),
        "--no-use-colors",
    ]

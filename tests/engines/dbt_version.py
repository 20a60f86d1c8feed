"""Builds and tests the sample with another minor version of dbt-core, and compares the report.

    python tests/engines/dbt_version.py 1.12
    python tests/engines/dbt_version.py fusion

The environment is target/dbt-1.12: what the project needs, with that dbt-core in its place.
dbt-core 1.12 asks for a parser that no package registry has, and does without it: hence --no-deps.
dbt Fusion only parses: it loads its drivers of databases from elsewhere when it builds.
Exit codes: 0, also where Fusion cannot be installed, which is said; 1 where dbt fails or the report
differs.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import duckdb

PROJECT = Path(__file__).parents[2]
SAMPLE = PROJECT / "tests" / "cases" / "sample.csv"
AS_OF_DATE = "2026-06-17"
# Of the pre-releases on the package registry only some carry the program.
FUSION = "dbt==2.0.0rc196"
ALSO_NEEDED = {"1.12": ["metricflow~=0.213.0", "python-dotenv"]}


def installed(version: str) -> Path:
    """The programs of an environment with that version of dbt-core, made where it is not there."""
    place = PROJECT / "target" / f"dbt-{version}"
    programs, done = place / "bin", place / "installed"
    if not done.exists():
        venv.create(place, clear=True, with_pip=True)
        pip = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(PROJECT / "requirements.txt")], check=True)
        subprocess.run([*pip, "--no-deps", f"dbt-core~={version}.0"], check=True)
        if others := ALSO_NEEDED.get(version):
            subprocess.run([*pip, *others], check=True)
        done.touch()
    return programs


def differing_rows(database: Path) -> int:
    """How many rows of the report and of the sample's fixture the other one lacks."""
    columns = "organization_id, month, payment_status, currency, invoices_count, amount_cents"
    built = f"select {columns} from built.main.invoice_collection"
    expected = f"select {columns} from read_csv('{SAMPLE}')"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{database}' as built (read_only)")
        found = connection.execute(
            f"select count(*) from (({built} except all {expected})"
            f" union all ({expected} except all {built}))"
        ).fetchone()
    assert found is not None
    return int(found[0])


def parsed_by_fusion() -> int:
    """Parse with dbt Fusion, where it can be installed; returns the exit code."""
    place = PROJECT / "target" / "dbt-fusion"
    venv.create(place, clear=True, with_pip=True)
    pip = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--no-deps", FUSION], check=False).returncode:
        print(f"dbt Fusion: {FUSION} does not install here, so it was not tried")
        return 0
    # It writes beside what it reads.
    copy = place / "project"
    for name in ("macros", "models", "seeds", "tests/data", "tests/generic"):
        shutil.copytree(PROJECT / name, copy / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, copy)
    parsed = subprocess.run([str(place / "bin" / "dbt"), "parse"], cwd=copy, check=False)
    return min(parsed.returncode, 1)


def main(version: str) -> int:
    """Build with that version; returns the exit code."""
    if version == "fusion":
        return parsed_by_fusion()
    programs = installed(version)
    database = programs.parent / "sample.duckdb"
    database.unlink(missing_ok=True)
    built = subprocess.run(
        [
            *(str(programs / "dbt"), "--quiet", "build"),
            *("--vars", f"{{lago__as_of_date: {AS_OF_DATE}}}"),
            *("--target-path", str(programs.parent / "target")),
        ],
        cwd=PROJECT,
        env=os.environ | {"LAGO_COLLECTION_DATABASE": str(database)},
        check=False,
    )
    if built.returncode:
        return 1
    differing = differing_rows(database)
    print(f"dbt-core {version}: {differing} rows of the sample's report differ")
    return min(differing, 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))

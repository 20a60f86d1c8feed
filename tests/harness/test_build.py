"""Building: what a load has proven is not proven again, dbt parses once, limits are kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import Harness, OnDisk, copied

from harness.foundation.home import PROJECT, Home
from harness.foundation.resources import Resources

UNIQUENESS = "ids_are_unique_stg_lago__invoices_invoice_id"


@pytest.fixture(scope="module")
def home(sample_home: Home, tmp_path_factory: pytest.TempPathFactory, harness: Harness) -> Home:
    """The loaded sample in a home of its own, built as of another day than its own."""
    home = copied(sample_home, tmp_path_factory.mktemp("build") / "home")
    shutil.rmtree(home.scratch)
    process = harness("build", "--as-of", "2026-05-31", home=home)
    assert process.returncode == 0, process.stderr
    return home


def dbt_log(home: Home) -> str:
    return (home.scratch / "logs" / "dbt.log").read_text()


def test_unique_ids_are_not_proven_twice(home: Home, harness: Harness) -> None:
    assert UNIQUENESS not in dbt_log(home)
    checked = harness("check", "--format", "json", home=home)
    assert checked.returncode == 0
    assert "left out: the load has found each id once, and raw is as it left it" in checked.stdout


def test_an_id_that_comes_twice_after_the_load_fails_the_build(
    home: Home, harness: Harness
) -> None:
    invoices = home.raw / "invoices.parquet"
    as_loaded = invoices.read_bytes()
    published = (home.published / "current").resolve()
    rows = f"from read_parquet('{invoices}')"
    twice = home.path / "twice.parquet"
    duckdb.sql(f"copy ({rows} union all ({rows} limit 1)) to '{twice}' (format parquet)")
    twice.replace(invoices)
    try:
        process = harness("build", "--as-of", "2026-04-30", home=home)
    finally:
        invoices.write_bytes(as_loaded)
    assert process.returncode == 1
    assert f": test {UNIQUENESS}; for the reasons: harness check" in process.stderr
    assert (home.published / "current").resolve() == published
    # Another day and another choice of tests did not make dbt parse the whole project again.
    assert dbt_log(home).count("Partial parsing enabled: 0 files deleted, 0 files added") == 1
    assert dbt_log(home).count("Unable to do partial parsing") == 1


@pytest.mark.parametrize("step", ["load", "build"])
def test_too_little_memory_is_said(home: Home, harness: Harness, step: str) -> None:
    process = harness(step, "--memory-limit", "10MB", home=home)
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1] == (
        "error: DuckDB has reached its memory limit of 9.5 MiB; raise it with --memory-limit, or"
        " let fewer --threads share it; what was published before stays"
    )
    assert not (home.scratch / "tmp").exists()
    assert not list((home.path / "raw").glob(".2*"))


def test_limits_are_duckdbs(tmp_path: Path) -> None:
    with Resources("1GiB", 1).connect(tmp_path / "tmp") as connection:
        names = ("memory_limit", "threads", "temp_directory")
        values = ", ".join(f"current_setting('{name}')" for name in names)
        assert connection.execute(f"select {values}").fetchone() == (
            "1.0 GiB",
            1,
            f"{tmp_path}/tmp",
        )


def test_a_full_disk_is_said(on_disk: OnDisk) -> None:
    process = on_disk("64k", '"$0" -m harness load --from sample --home home')
    assert process.returncode == 2, process.stderr
    assert process.stderr.splitlines()[-1] == (
        "error: the disk of --home is full; make room there, or give a --home on another disk; what"
        " was published before stays"
    )


# Tests of one's own, and places with odd names

OWN_TEST = """
{{ config(severity = 'warn') }}
select organization_id, organization_name from {{ ref('stg_lago__organizations') }} -- them all
"""


def test_a_warning_of_ones_own_warns_whatever_the_home_is_called(tmp_path: Path) -> None:
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns(".venv", ".git", "warehouse", "target", "logs", "*.duckdb")
    shutil.copytree(PROJECT, project, ignore=ignored)
    (project / "tests" / "data" / "own.sql").write_text(OWN_TEST)
    home = Home(tmp_path / "what? #1 {a} {{ b }} it's \"c\" x.parquet' y")

    def harness(*arguments: str, python_path: object = project) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments, "--home", str(home.path)],
            cwd=tmp_path,
            # The installed package is that of the project, not of its copy.
            env=os.environ | {"PYTHONPATH": str(python_path), "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            check=False,
        )

    process = harness("run")

    assert process.returncode == 0, process.stderr
    assert "warn  dbt: test own: Got 2 results, configured to warn if != 0" in process.stderr
    row = "organization_id 11bedd82-2ba9-473b-b755-d9bca18f55be, organization_name Quillfern"
    assert row in process.stderr
    assert {path.name for path in tmp_path.iterdir()} == {home.path.name, "project"}
    assert "Quillfern Cloud GmbH" in harness("show").stdout
    assert harness("check").returncode == 0
    assert harness("invoices").returncode == 0
    assert harness("report").returncode == 0
    # The next run finds its way, too; dbt's start is no other.
    again = harness("run", python_path=f"{project}:{os.environ['PYTHONPATH']}")
    assert again.returncode == 0

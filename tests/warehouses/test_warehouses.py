"""The models on BigQuery and Snowflake, by dbt's own adapters on what stands for the services."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from engines import (
    BY_CUSTOMER,
    LAGO_AS_OF,
    PROJECT,
    SAMPLE_AS_OF,
    Marts,
    contradictions_to_lago,
    differences,
)
from judged import BIGQUERY, SNOWFLAKE
from warehouses import PROGRAMS, Build, build, write_profiles

JUDGED = {"bigquery": BIGQUERY, "snowflake": SNOWFLAKE}
Sample = Callable[[str], Build]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The sample on an engine, built once."""
    builds: dict[str, Build] = {}

    def of(engine: str) -> Build:
        if engine not in builds:
            variables = {"lago__as_of_date": SAMPLE_AS_OF, **BY_CUSTOMER}
            directory = tmp_path_factory.mktemp(engine)
            builds[engine] = build(engine, directory, variables, values=JUDGED[engine])
        return builds[engine]

    return of


@pytest.mark.parametrize("engine", JUDGED)
def test_the_sample_equals_duckdb_and_every_test_passes(
    engine: str, sample: Sample, duckdb_sample: Marts
) -> None:
    found = sample(engine)
    assert not differences(duckdb_sample, found.good_marts())
    assert len(found.statuses) > 200


@pytest.mark.parametrize("engine", JUDGED)
def test_every_column_is_judged_whatever_its_type(engine: str, sample: Sample) -> None:
    assert sample(engine).judged == JUDGED[engine]


@pytest.mark.parametrize("engine", JUDGED)
def test_lagos_own_types(
    engine: str, duckdb_lago: Marts, lago_tables: Path, tmp_path: Path
) -> None:
    variables = {"lago__as_of_date": LAGO_AS_OF, "lago__schema": "lago", **BY_CUSTOMER}
    without = ("--exclude-resource-type", "unit_test")
    found = build(engine, tmp_path, variables, *without, tables=lago_tables).good_marts()
    assert not contradictions_to_lago(found)
    assert not differences(duckdb_lago, found)


@pytest.mark.parametrize("engine", ["redshift", "trino"])
def test_an_engine_whose_casts_are_not_known_is_refused_by_name(
    engine: str, tmp_path: Path
) -> None:
    if not PROGRAMS.exists():
        pytest.skip("the warehouses' stand-ins are not installed; `make test-warehouses` does that")
    write_profiles(tmp_path)
    process = subprocess.run(
        [
            *(PROGRAMS / "dbt", "parse", "--no-use-colors"),
            *("--target", engine, "--profiles-dir", tmp_path),
            *("--target-path", tmp_path / "target", "--log-path", tmp_path),
        ],
        cwd=PROJECT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2, process.stdout
    sentence = f"does not run on {engine}, whose casts and sums it does not know. It runs on"
    assert f"{sentence} BigQuery, DuckDB, PostgreSQL, Snowflake, Spark." in process.stdout

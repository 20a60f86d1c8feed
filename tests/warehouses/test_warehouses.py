"""The models on the warehouses, by dbt's own adapters on what stands for the services."""

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
    without_examples,
)
from judged import ATHENA, BIGQUERY, DATABRICKS, SNOWFLAKE, TRINO
from warehouses import Build, build, program

JUDGED = {
    "athena": ATHENA,
    "bigquery": BIGQUERY,
    "databricks": DATABRICKS,
    "snowflake": SNOWFLAKE,
    "trino": TRINO,
}
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
    assert not differences(*compared(engine, duckdb_sample, found.good_marts()))
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
    assert not differences(*compared(engine, duckdb_lago, found))


def compared(engine: str, expected: Marts, found: Marts) -> tuple[Marts, Marts]:
    """The marts as they must be equal: Databricks may name another example of an exclusion."""
    if engine == "databricks":
        return without_examples(expected), without_examples(found)
    return expected, found


# Adapters that are there: one descends from PostgreSQL's, one from none.
OTHERS = {
    "redshift": "{host: nowhere, port: 5439, user: nobody, password: none, dbname: none",
    "clickhouse": "{host: nowhere",
}


@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_whose_casts_are_not_known_is_refused_by_name(
    engine: str, tmp_path: Path
) -> None:
    output = f"{OTHERS[engine]}, type: {engine}, schema: none, threads: 1}}"
    profile = f"lago_invoice_collection: {{target: other, outputs: {{other: {output}}}}}"
    (tmp_path / "profiles.yml").write_text(profile)
    process = subprocess.run(
        [
            *(program("dbt"), "parse", "--no-use-colors", "--profiles-dir", tmp_path),
            *("--target-path", tmp_path / "target", "--log-path", tmp_path),
        ],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2, process.stdout
    sentence = f"does not run on {engine}, whose casts and sums it does not know. It runs on"
    ours = "Athena, BigQuery, Databricks, DuckDB, PostgreSQL, Snowflake, Spark, Trino"
    assert f"{sentence} {ours}." in process.stdout


# What a stand-in would not notice the lack of: it has no such year, no other end of a text, sums of
# 128 bits, offsets in the place of regions; and a moment that is read and shown in one time zone.
WRITTEN = {
    "bigquery__matches": r"r'\A(?:{{ pattern }})\z'",
    "bigquery__parse_date": "{{ text }} not like '0000-%'",
    "athena__exact_sum": "{{ trino__exact_sum(column) }}",
    "athena__iso_text": "{{ trino__iso_text(column) }}",
    "athena__matches": "{{ trino__matches(text, pattern) }}",
    "athena__written_time": "try_cast(substr({{ text }}, 1, 23) as timestamp(3))",
    "databricks__written_time": "try_cast({{ text }} as timestamp_ntz)",
    "snowflake__matches": "'^({{ pattern }})') = {{ text }}",
    "snowflake__written_date": "{{ text }} not like '0000-%'",
    "spark__exact_sum": "cast(sum(shiftright({{ column }}, 32)) as decimal(38, 0)) * 4294967296",
    "trino__exact_sum": "sum(cast({{ column }} as decimal(38, 0)))",
    "trino__iso_text": "as timestamp(6) with time zone), 'UTC'",
    "trino__written_time": "try_cast({{ text }} as timestamp(6))",
    "trino__matches": r"'\A(?:{{ pattern }})\z'",
}


@pytest.mark.parametrize("macro", WRITTEN)
def test_a_guard_that_no_stand_in_needs_is_there(macro: str) -> None:
    written = "".join(path.read_text() for path in (PROJECT / "macros").glob("*.sql"))
    body = written.partition(f"macro {macro}(")[2].partition("endmacro")[0]
    assert WRITTEN[macro] in body

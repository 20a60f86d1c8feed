"""The engines, each started once, and DuckDB's marts, with which the others' are compared."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import (
    BY_CUSTOMER,
    LAGO,
    LAGO_AS_OF,
    SAMPLE_AS_OF,
    TABLES,
    Marts,
    dbt,
    duckdb_marts,
    table_text,
)
from postgres import Server, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of its own, in a time zone other than UTC; stopped at the end."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def duckdb_sample(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """The marts of the sample on DuckDB."""
    return _built(tmp_path_factory.mktemp("duckdb-sample"), {"lago__as_of_date": SAMPLE_AS_OF})


@pytest.fixture(scope="session")
def lago_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with Lago's tables with known answers, as plain CSV files."""
    directory = tmp_path_factory.mktemp("lago")
    for table in TABLES:
        (directory / f"{table}.csv").write_text(table_text(LAGO / "raw", table), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def duckdb_lago(lago_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """The marts of Lago's tables with known answers on DuckDB."""
    location = f"read_csv('{lago_tables}/{{name}}.csv', all_varchar=true, allow_quoted_nulls=false)"
    variables = {"lago__as_of_date": LAGO_AS_OF, "lago__raw_location": location}
    return _built(tmp_path_factory.mktemp("duckdb-lago"), variables)


def _built(directory: Path, variables: dict[str, object]) -> Marts:
    # DuckDB's own tests are those of tests/harness.
    database = directory / "marts.duckdb"
    dbt(
        directory,
        *("build", "--target", "dev", "--exclude-resource-type", "unit_test", "test"),
        variables={**variables, **BY_CUSTOMER},
        LAGO_COLLECTION_DATABASE=str(database),
    )
    return duckdb_marts(database)

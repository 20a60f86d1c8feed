"""DuckDB's marts, with which those of all other engines are compared."""

from pathlib import Path

import pytest
from engines import LAGO, TABLES, Marts, duckdb_marts, table_text

from harness.foundation.home import Home


@pytest.fixture(scope="session")
def duckdb_sample(sample_by_customer: Home) -> Marts:
    """The marts of the sample on DuckDB."""
    return duckdb_marts(sample_by_customer.scratch / "collection.duckdb")


@pytest.fixture(scope="session")
def lago_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with Lago's tables with known answers, as plain CSV files."""
    directory = tmp_path_factory.mktemp("lago")
    for table in TABLES:
        (directory / f"{table}.csv").write_text(table_text(LAGO / "raw", table), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def duckdb_lago(lago_home: Home) -> Marts:
    """The marts of Lago's tables with known answers on DuckDB."""
    return duckdb_marts(lago_home.scratch / "collection.duckdb")

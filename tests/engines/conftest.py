"""The engines, each started once, and DuckDB's marts, with which the others' are compared."""

from collections.abc import Iterator

import pytest
from duckdb_fixtures import duckdb_lago, duckdb_sample, lago_tables
from postgres import Server, running_server

__all__ = ["duckdb_lago", "duckdb_sample", "lago_tables", "server"]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of its own, in a time zone other than UTC; stopped at the end."""
    with running_server() as server:
        yield server

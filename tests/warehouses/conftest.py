"""DuckDB's marts, with which the warehouses' are compared; and an engine's tests in one process."""

from typing import Any

import pytest
from duckdb_fixtures import duckdb_lago, duckdb_sample, lago_tables
from xdist.scheduler import LoadScopeScheduling

__all__ = ["duckdb_lago", "duckdb_sample", "lago_tables"]


class ByEngine(LoadScopeScheduling):
    """Gives the tests of one engine to one process, which builds the sample there once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("[")[2] or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByEngine:
    """In the place of the scheduler that `--dist` names."""
    return ByEngine(config, log)

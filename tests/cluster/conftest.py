"""DuckDB's marts, with which the cluster's are compared."""

from duckdb_fixtures import duckdb_lago, duckdb_sample, lago_tables

__all__ = ["duckdb_lago", "duckdb_sample", "lago_tables"]

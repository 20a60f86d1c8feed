"""The least that any way to the report must do: one query by hand on the same file.

    python benchmarks/floor.py DIRECTORY --with duckdb

prints the seconds that the query took, its rows fetched, and the seconds of all processors. It only
filters and adds up: no look-up, no check, no reasons, no grouping by billing entity.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import polars
from generate import FIRST_MONTH, LAST_MONTH


def query(source: str) -> str:
    """The SQL of the floor, with the columns of the mart and Lago's codes of payment statuses."""
    return f"""
        select
            organization_id,
            cast(date_trunc('month', issuing_date) as date) as month,
            payment_status,
            currency,
            count(*) as invoices_count,
            sum(total_amount_cents) as amount_cents
        from {source}
        where
            status = 1
            and not self_billed
            and payment_dispute_lost_at is null
            and issuing_date >= date '{FIRST_MONTH}'
            and issuing_date < date '{LAST_MONTH}' + interval 1 month
        group by organization_id, month, payment_status, currency
    """


def parquet(directory: Path) -> str:
    """The generated invoices, for a query to read."""
    return f"read_parquet('{directory / 'invoices.parquet'}')"


def with_duckdb(directory: Path) -> int:
    """The rows of the query in DuckDB."""
    return len(duckdb.connect().execute(query(parquet(directory))).fetchall())


def with_polars(directory: Path) -> int:
    """The rows of the same in Polars, lazily."""
    column = polars.col
    months = column("issuing_date").dt.truncate("1mo")
    collected = (
        polars.scan_parquet(directory / "invoices.parquet")
        .filter(
            (column("status") == 1)
            & ~column("self_billed")
            & column("payment_dispute_lost_at").is_null()
            & months.is_between(FIRST_MONTH, LAST_MONTH)
        )
        .group_by("organization_id", months.alias("month"), "payment_status", "currency")
        .agg(polars.len(), column("total_amount_cents").sum())
    )
    return len(collected.collect().rows())


ENGINES: dict[str, Callable[[Path], int]] = {"duckdb": with_duckdb, "polars": with_polars}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the hand-written query.")
    parser.add_argument("directory", type=Path, help="where generate.py wrote its tables")
    parser.add_argument("--with", dest="engine", choices=ENGINES, default="duckdb")
    arguments = parser.parse_args()
    started, processors_started = perf_counter(), process_time()
    ENGINES[arguments.engine](arguments.directory)
    print(perf_counter() - started, process_time() - processors_started)


if __name__ == "__main__":
    main()

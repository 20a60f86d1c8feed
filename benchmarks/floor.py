"""The least that any way to the report must do: one query by hand on the same file.

    python benchmarks/floor.py DIRECTORY

prints the seconds that the query took, its rows fetched, and the seconds of all processors. It only
filters and adds up: no look-up, no check, no reasons, no grouping by billing entity.
"""

import argparse
from pathlib import Path
from time import perf_counter, process_time

import duckdb
from generate import FIRST_MONTH, LAST_MONTH


def query(directory: Path) -> str:
    """The SQL of the floor, with the columns of the mart and Lago's codes of payment statuses."""
    return f"""
        select
            organization_id,
            cast(date_trunc('month', issuing_date) as date) as month,
            payment_status,
            currency,
            count(*) as invoices_count,
            sum(total_amount_cents) as amount_cents
        from read_parquet('{directory / "invoices.parquet"}')
        where
            status = 1
            and not self_billed
            and payment_dispute_lost_at is null
            and issuing_date >= date '{FIRST_MONTH}'
            and issuing_date < date '{LAST_MONTH}' + interval 1 month
        group by organization_id, month, payment_status, currency
    """


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the hand-written query.")
    parser.add_argument("directory", type=Path, help="where generate.py wrote its tables")
    directory = parser.parse_args().directory
    with duckdb.connect() as connection:
        started, processors_started = perf_counter(), process_time()
        connection.execute(query(directory)).fetchall()
        print(perf_counter() - started, process_time() - processors_started)


if __name__ == "__main__":
    main()

"""What the tests of all engines share: the data, running dbt, and the marts as rows."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

PROJECT = Path(__file__).parents[2]
SAMPLE = PROJECT / "seeds" / "lago"
LAGO = PROJECT / "tests" / "cases" / "lago"
SAMPLE_AS_OF = "2026-06-17"
LAGO_AS_OF = "2026-11-15"

TABLES = ("organizations", "billing_entities", "customers", "invoices")
MARTS: Mapping[str, tuple[str, ...]] = {
    "invoice_collection": (
        *("organization_id", "month", "payment_status", "currency"),
        *("invoices_count", "amount_cents"),
    ),
    "invoice_collection_by_billing_entity": (
        *("organization_id", "billing_entity_id", "billing_entity_code", "month"),
        *("payment_status", "currency", "invoices_count", "amount_cents"),
    ),
    "invoice_exclusions": (
        *("organization_id", "exclusion_reason", "month", "currency"),
        *("invoices_count", "amount_cents", "example_invoice_id"),
    ),
    "organization_months": ("organization_id", "month"),
    "uncollected_invoices": (
        *("organization_id", "invoice_id", "invoice_number", "billing_entity_id"),
        *("billing_entity_code", "customer_id", "external_customer_id", "customer_name", "month"),
        *("issuing_date", "payment_due_date", "currency", "payment_status", "amount_cents"),
        *("paid_amount_cents", "due_amount_cents", "days_past_due", "aging_bucket"),
    ),
    "receivables_aging": (
        *("organization_id", "currency", "aging_bucket", "invoices_count", "due_amount_cents"),
    ),
    "faulty_invoices": (
        *("organization_id", "invoice_id", "invoice_number", "customer_id", "month", "currency"),
        *("amount_cents", "exclusion_reason", "column_at_fault", "value_given"),
    ),
    "invoice_collection_by_customer": (
        *("organization_id", "customer_id", "external_customer_id", "customer_name", "month"),
        *("payment_status", "currency", "invoices_count", "amount_cents"),
    ),
    "customer_balances": (
        *("organization_id", "customer_id", "external_customer_id", "customer_name", "currency"),
        *("invoices_count", "amount_cents", "succeeded_amount_cents", "pending_amount_cents"),
        "failed_amount_cents",
    ),
}

# Without it, the marts by customer are not built.
BY_CUSTOMER: Mapping[str, Any] = {"lago__by_customer": True}

# Each mart's rows, every value as text, null as None.
Marts = dict[str, set[tuple[str | None, ...]]]


def dbt(
    directory: Path,
    *arguments: str,
    project: Path = PROJECT,
    variables: Mapping[str, object] | None = None,
    **environment: str,
) -> str:
    """What a dbt command prints; fails the test if the command fails."""
    command = [sys.executable, "-m", "dbt.cli.main", *arguments]
    command += ["--project-dir", str(project)]
    if "--profiles-dir" not in arguments:
        command += ["--profiles-dir", str(project)]
    command += ["--vars", json.dumps(variables or {}), "--no-use-colors"]
    ours = {key: value for key, value in os.environ.items() if not key.startswith("DBT_")}
    ours |= {"DBT_TARGET_PATH": str(directory / "target"), "DBT_LOG_PATH": str(directory / "logs")}
    process = subprocess.run(
        command,
        cwd=project,
        env=ours | environment,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-10_000:] + process.stderr[-2_000:]
    return process.stdout


def summary(output: str) -> dict[str, int]:
    """How many nodes passed, failed, were skipped …, by the last line of a build's output."""
    words = output.splitlines()[-1].split("Done. ")[1].split()
    return {name: int(count) for name, count in (word.split("=") for word in words)}


def marts(rows_of: Mapping[str, list[tuple[Any, ...]]]) -> Marts:
    """The marts of an engine as texts, so that they can be compared with those of another."""
    found = {
        name: {tuple(None if value is None else str(value) for value in row) for row in rows}
        for name, rows in rows_of.items()
    }
    assert {name: len(rows) for name, rows in found.items()} == {
        name: len(rows) for name, rows in rows_of.items()
    }, "a mart has a row twice"
    return found


def select(mart: str, schema: str) -> str:
    """The query of all rows of a mart."""
    return f"select {', '.join(MARTS[mart])} from {schema}.{mart}"


def duckdb_marts(database: Path, schema: str = "main") -> Marts:
    """The marts in a DuckDB file."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return marts({mart: connection.sql(select(mart, schema)).fetchall() for mart in MARTS})


def differences(expected: Marts, found: Marts) -> list[str]:
    """What one has and the other lacks, mart by mart."""
    return [
        f"{'lacks' if row in expected[mart] else 'has'} {mart} {row}"
        for mart in MARTS
        for row in sorted(expected[mart] ^ found[mart], key=str)
    ]


def without_examples(found: Marts) -> Marts:
    """The marts but for examples of exclusions: Spark may name another invoice of those."""
    return found | {"invoice_exclusions": {row[:-1] for row in found["invoice_exclusions"]}}


def strays(schema: str) -> str:
    """The query of exclusions whose example is none of their invoices."""
    keys = ("organization_id", "exclusion_reason", "month", "currency")
    of_row = ", '|', ".join(f"coalesce(cast({key} as string), '')" for key in keys)
    single = f"select concat({of_row}, '|', invoice_id) from {schema}.int_invoices_classified"
    return (
        f"select * from {schema}.invoice_exclusions where example_invoice_id is null"
        f" or concat({of_row}, '|', example_invoice_id) not in"
        f" ({single} where exclusion_reason is not null and invoice_id is not null)"
    )


def table_text(directory: Path, table: str) -> str:
    """A table as CSV text, whether its file is compressed or not; an empty field is null."""
    plain = directory / f"{table}.csv"
    if plain.exists():
        return plain.read_text(encoding="utf-8")
    with gzip.open(directory / f"{table}.csv.gz", "rt", encoding="utf-8") as file:
        return file.read()


def header(text: str) -> list[str]:
    """The column names of a CSV text."""
    return next(csv.reader(io.StringIO(text)))


def lago_answers() -> Iterator[dict[str, Any]]:
    """Lago's own answers to whole reports, without any parameter, as of LAGO_AS_OF."""
    with gzip.open(LAGO / "expected.ndjson.gz", "rt") as lines:
        for case in map(json.loads, lines):
            if case["as_of"] == LAGO_AS_OF and not case["http_params"]:
                yield case


def contradictions_to_lago(found: Marts) -> list[str]:
    """Where invoice_collection differs from Lago's answers, rows without currency left out."""
    contradictions = []
    for case in lago_answers():
        expected = {tuple(map(str, row)) for row in case["rows"] if row[3] and row[2] is not None}
        rows = {row[1:] for row in found["invoice_collection"] if row[0] == case["organization_id"]}
        contradictions += [f"{case['id']}: {row}" for row in sorted(expected ^ rows)]
    return contradictions

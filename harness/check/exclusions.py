"""What a build leaves out, and why: by organization and reason, with an example as it was given."""

from pathlib import Path

import duckdb

from harness.check.findings import Exclusion, Finding, counted
from harness.collection.reasons import reason
from harness.sources.formats import path_literal

# The mart, and what it is made of: where dbt failed in between, only that is there.
_PLACES = ("invoice_exclusions", "int_invoice_groups_classified")


def find_exclusions(
    connection: duckdb.DuckDBPyConnection, raw_invoices: Path
) -> list[Exclusion] | None:
    """What the scratch database leaves out, data faults first; None where it cannot tell.

    The text that an example has in the place at fault is looked up in the raw invoices.
    """
    tables = connection.execute("select table_name from duckdb_tables()").fetchall()
    place = next((each for each in _PLACES if (each,) in tables), None)
    if place is None:
        return None
    found = connection.execute(
        "select organization_id, exclusion_reason, sum(invoices_count), min(example_invoice_id)"
        f" from {place} where exclusion_reason is not null"
        " group by organization_id, exclusion_reason"
        " order by organization_id nulls last, exclusion_reason"
    ).fetchall()
    given = _given(connection, raw_invoices, {row[3]: reason(row[1]).column for row in found})
    exclusions = [
        Exclusion(
            organization_id=organization_id,
            reason=code,
            invoices_count=int(count),
            example_invoice_id=example,
            is_data_fault=reason(code).is_data_fault,
            given=given.get(example, {}).get(reason(code).column),
        )
        for organization_id, code, count, example in found
    ]
    return sorted(exclusions, key=lambda each: not each.is_data_fault)


def faults_finding(exclusions: list[Exclusion], strict: bool, within_limits: bool) -> Finding:
    """Whether there are faults of the data: with `strict` a failure, else a warning."""
    faults = [each for each in exclusions if each.is_data_fault]
    count = sum(each.invoices_count for each in faults)
    if not count:
        return Finding("data faults", "every invoice", "pass", "none")
    message = f"{counted(count)} with data faults"
    if strict:
        message += ", and --strict allows none"
    elif within_limits:
        message += ", within the limits"
    rows = [
        {
            "organization_id": each.organization_id,
            "reason": each.reason,
            "invoices_count": each.invoices_count,
            "example_invoice_id": each.example_invoice_id,
            "given": each.given,
        }
        for each in faults
    ]
    return Finding("data faults", "every invoice", "fail" if strict else "warn", message, rows)


def _given(
    connection: duckdb.DuckDBPyConnection, raw_invoices: Path, columns: dict[str, str | None]
) -> dict[str, dict[str | None, str | None]]:
    """By id of an invoice, and then by column, what it has there, as text."""
    wanted = sorted({column for column in columns.values() if column})
    ids = [id_ for id_, column in columns.items() if column]
    if not ids or not raw_invoices.exists():
        return {}
    texts = "".join(f", cast({column} as varchar)" for column in wanted)
    found = connection.execute(
        f"select cast(id as varchar){texts}"
        f" from read_parquet({path_literal(raw_invoices)}, hive_partitioning = false)"
        " where cast(id as varchar) in (select unnest($1))",
        [ids],
    ).fetchall()
    return {id_: dict(zip(wanted, texts, strict=True)) for id_, *texts in found}

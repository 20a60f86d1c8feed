"""What a build leaves out and why, with an example, from whatever the scratch database holds."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from harness.collection.reasons import reason_of, reasons
from harness.sources.formats import path_literal

_SOURCES = ("invoice_exclusions", "int_invoice_groups_classified")


@dataclass(frozen=True)
class Exclusion:
    """Invoices of one organization that are left out for one reason."""

    organization_id: str | None
    reason: str
    invoices_count: int
    example_invoice_id: str
    is_data_fault: bool
    given: str | None
    """What the example has in the place at fault; None where that is missing, or no fault."""

    def __str__(self) -> str:
        count = f"{self.invoices_count:,} invoice{'s' if self.invoices_count != 1 else ''}"
        where = f" of organization {self.organization_id}" if self.organization_id else ""
        text = f"{self.reason}: {count}{where}"
        if self.is_data_fault:
            value = "nothing" if self.given is None else repr(self.given)
            column = reason_of(self.reason).column_at_fault
            text += f", such as {self.example_invoice_id} with {value} for {column}"
        return text


def tables_in(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The models that are there."""
    found = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'main'"
    ).fetchall()
    return {name for (name,) in found}


def exclusions(connection: duckdb.DuckDBPyConnection, raw: Path) -> list[Exclusion] | None:
    """What is left out, data faults first; None where no model tells.

    The text of an example is looked up in the directory of the raw tables.
    """
    source = next((name for name in _SOURCES if name in tables_in(connection)), None)
    if source is None:
        return None
    found = connection.execute(
        "select organization_id, exclusion_reason, sum(invoices_count), min(example_invoice_id)"
        f" from {source} where exclusion_reason is not null"
        " group by organization_id, exclusion_reason"
        " order by organization_id nulls last, exclusion_reason"
    ).fetchall()
    texts = _given(connection, raw, [row[3] for row in found if reason_of(row[1]).is_data_fault])
    left_out = []
    for organization_id, name, count, example in found:
        reason = reason_of(name)
        given = texts.get(example, {}).get(reason.column_at_fault)
        left_out.append(
            Exclusion(organization_id, name, int(count), example, reason.is_data_fault, given)
        )
    return sorted(left_out, key=lambda each: not each.is_data_fault)


def _given(
    connection: duckdb.DuckDBPyConnection, raw: Path, ids: list[str]
) -> dict[str, dict[str, str | None]]:
    if not ids:
        return {}
    columns = sorted({each.column_at_fault for each in reasons().values() if each.is_data_fault})
    texts = ", ".join(f"cast({column} as varchar)" for column in columns)
    invoices = f"read_parquet({path_literal(raw / 'invoices.parquet')}, hive_partitioning = false)"
    found = connection.execute(
        f"select cast(id as varchar), {texts} from {invoices}"
        " where list_contains($1, cast(id as varchar))",
        [ids],
    ).fetchall()
    return {id_: dict(zip(columns, values, strict=True)) for id_, *values in found}

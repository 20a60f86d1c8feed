"""Loading: every format lands the same rows, and what is unfit leaves the current load alone."""

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from harness import load as load_module
from harness.errors import HarnessError
from harness.home import PROJECT, Home
from harness.load import Load, current_load, load

Row = dict[str, Any]

ENDINGS = [".csv", ".csv.gz", ".parquet", ".ndjson", ".ndjson.gz"]
ACME = "11111111-1111-1111-1111-111111111111"
ORGANIZATIONS: list[Row] = [
    {"id": ACME, "name": 'Acme "A", Inc.\nBerlin', "created_at": "2025-01-31 23:30:00-08"},
    {"id": "b", "name": "Überwald", "created_at": "2024-07-02 09:14:27.318204"},
]
ENTITIES: list[Row] = [
    {
        "id": "e1",
        "organization_id": ACME,
        "code": "default",
        "archived_at": None,
        "deleted_at": "2026-01-01 00:00:00",
    }
]
INVOICE: Row = {
    "id": "i1",
    "organization_id": ACME,
    "billing_entity_id": "e1",
    "billing_entity_code": "default",
    "status": "1",
    "payment_status": "0",
    "issuing_date": "2026-02-28",
    "currency": "EUR",
    "total_amount_cents": "1250",
    "self_billed": "f",
    "payment_dispute_lost_at": None,
    "updated_at": "2026-03-01T08:00:00Z",
}
# Text that no type would hold: it is for staging to judge.
INVOICES: list[Row] = [
    INVOICE,
    INVOICE | {"id": "i2", "total_amount_cents": "12.5", "issuing_date": "2026-02-30"},
    INVOICE | {"id": "i3", "total_amount_cents": "1e3", "status": "nonsense"},
    INVOICE | {"id": "i4", "total_amount_cents": "99999999999999999999", "payment_status": "9"},
    INVOICE | {"id": "i5", "total_amount_cents": " 12", "issuing_date": "", "currency": ""},
    INVOICE | {"id": "i6", "total_amount_cents": None, "issuing_date": None, "currency": None},
    INVOICE | {"id": "i7", "self_billed": "perhaps", "payment_dispute_lost_at": ""},
    INVOICE | {"id": "i8", "organization_id": None, "billing_entity_id": None, "updated_at": "x"},
]
API_INVOICE: Row = {
    "lago_id": "i1",
    "billing_entity_code": "default",
    "status": "finalized",
    "payment_status": "pending",
    "issuing_date": "2026-02-28",
    "currency": "EUR",
    "total_amount_cents": 1250,
    "self_billed": False,
    "payment_dispute_lost_at": None,
    "updated_at": "2026-03-01T08:00:00Z",
    "customer": {"lago_id": "c1", "currency": "USD"},
    "metadata": [{"lago_id": "m1"}],
}
API_LANDED: Row = INVOICE | {
    "billing_entity_id": None,
    "status": "finalized",
    "payment_status": "pending",
    "self_billed": "false",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a CSV file per table, for tests to change."""
    directory = tmp_path / "source"
    directory.mkdir()
    write(directory / "organizations.csv", ORGANIZATIONS)
    write(directory / "billing_entities.csv", ENTITIES)
    write(directory / "invoices.csv", INVOICES)
    return directory


@pytest.fixture
def api(tmp_path: Path) -> Path:
    """A directory with saved API responses: two pages of one invoice each."""
    directory = tmp_path / "api"
    directory.mkdir()
    organization = {"lago_id": ACME, "name": "Acme", "created_at": "2025-01-31T23:59:59Z"}
    entity = {"lago_id": "e1", "code": "default", "name": "Acme", "email_settings": ["x"]}
    write_json(directory / "organization.json", {"organization": organization | {"emails": []}})
    write_json(directory / "billing_entities.json", {"billing_entities": [entity]})
    write_page(directory / "invoices-page-1.json", [API_INVOICE], 1, 2, 2)
    write_page(directory / "invoices-page-2.json.gz", [API_INVOICE | {"lago_id": "i2"}], 2, 2, 2)
    return directory


def write(path: Path, rows: list[Row], columns: Iterable[str] = ()) -> None:
    """Write rows of text in the format of the path's ending; as CSV, null is empty, '' is \"\"."""
    names = list(rows[0] if rows else columns)
    if path.suffix == ".parquet":
        values = duckdb.connect()
        values.execute(f"create table rows ({', '.join(f'{name} varchar' for name in names)})")
        for row in rows:
            values.execute(f"insert into rows values ({','.join('?' * len(names))})", [*row.values()])
        values.execute(f"copy rows to '{path}' (format parquet)")
        return
    if ".csv" in path.name:
        lines = [",".join(names)]
        for row in rows:
            fields = ("" if value is None else _quoted(value) for value in row.values())
            lines.append(",".join(fields))
    else:
        lines = [json.dumps(row) for row in rows]
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def write_json(path: Path, body: object) -> None:
    text = json.dumps(body, indent=1).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def write_page(path: Path, invoices: list[Row], page: int, pages: int, count: int) -> None:
    meta = {"current_page": page, "next_page": None, "total_pages": pages, "total_count": count}
    write_json(path, {"invoices": invoices, "meta": meta})


def write_parquet(path: Path, **columns: str) -> None:
    """Write one invoice, with the SQL of some columns given."""
    row = {name: "null" if value is None else f"'{value}'" for name, value in INVOICE.items()}
    sql = ", ".join(f"{value} as {name}" for name, value in (row | columns).items())
    duckdb.connect().execute(f"copy (select {sql}) to '{path}' (format parquet)")


def loaded(home: Home, source: str | Path, **options: Any) -> Load:
    return load(home, source, warn=lambda warning: None, **options)


def failure(home: Home, source: str | Path, **options: Any) -> str:
    """The message with which a load fails, which leaves nothing behind."""
    before = contents(home.path)
    with pytest.raises(HarnessError) as caught:
        loaded(home, source, **options)
    assert contents(home.path) == before
    return str(caught.value)


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def raw(home: Home, table: str = "invoices") -> list[Row]:
    """The rows of a landed table in their order, without the time of loading."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        result = connection.execute(f"select * exclude (_loaded_at) from '{home.raw}/{table}.parquet'")
        names = [name for name, *_ in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def types(home: Home, table: str = "invoices") -> dict[str, str]:
    with duckdb.connect() as connection:
        described = connection.execute(f"describe from '{home.raw}/{table}.parquet'").fetchall()
    return {name: type_ for name, type_, *_ in described}


# What lands


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_lands_the_same_rows(home: Home, tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"organizations{ending}", ORGANIZATIONS)
    write(tmp_path / f"billing_entities{ending}", ENTITIES)
    write(tmp_path / f"invoices{ending}", INVOICES)
    result = loaded(home, tmp_path)
    assert raw(home, "organizations") == ORGANIZATIONS
    assert raw(home, "billing_entities") == ENTITIES
    assert raw(home) == INVOICES
    assert (result.organizations, result.billing_entities) == (2, 1)
    assert (result.read, result.superseded, result.raw) == (8, 0, 8)

"""Loading: every format lands the same rows, and what is unfit leaves the current load alone."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import duckdb
import pytest

from harness.foundation.errors import HarnessError
from harness.foundation.home import PROJECT, Home
from harness.load import loading as load_module
from harness.load.loading import Load, current_load, load
from harness.load.options import Options
from harness.sources.files import Files

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
        "name": "Acme",
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
    "number": "ACME-1",
    "invoice_type": "0",
    "customer_id": "c1",
    "customer_external_id": "paul",
    "customer_name": "Paul",
    "payment_due_date": "2026-03-30",
    "total_paid_amount_cents": "0",
}
# Text that no type would hold: it is for staging to judge.
INVOICES: list[Row] = [
    INVOICE,
    INVOICE | {"id": "i2", "total_amount_cents": "12.5", "issuing_date": "2026-02-30"},
    INVOICE | {"id": "i3", "total_amount_cents": "1e3", "status": "nonsense"},
    INVOICE | {"id": "i4", "total_amount_cents": "99999999999999999999", "payment_status": "9"},
    INVOICE | {"id": "i5", "total_amount_cents": " 12", "issuing_date": "32", "currency": "E"},
    INVOICE | {"id": "i6", "total_amount_cents": None, "issuing_date": None, "currency": None},
    INVOICE | {"id": "i7", "self_billed": "perhaps", "payment_dispute_lost_at": "lost"},
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
    "number": "ACME-1",
    "invoice_type": "subscription",
    "payment_due_date": "2026-03-30",
    "total_paid_amount_cents": 0,
    "customer": {"lago_id": "c1", "external_id": "paul", "name": "Paul", "currency": "USD"},
    "metadata": [{"lago_id": "m1"}],
}
API_LANDED: Row = INVOICE | {
    "billing_entity_id": None,
    "status": "finalized",
    "payment_status": "pending",
    "self_billed": "false",
    "invoice_type": "subscription",
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


@cache
def memory() -> duckdb.DuckDBPyConnection:
    """A database in memory for what tests write and read, since each takes 20 ms to open."""
    return duckdb.connect(config={"enable_external_file_cache": "false"})


def write(path: Path, rows: list[Row], ending: str = "", columns: Iterable[str] = ()) -> None:
    """Write rows of text in the format of the ending; in CSV, null is empty and '' is \"\"."""
    ending = ending or path.name
    names = list(rows[0] if rows else columns)
    if ending.endswith(".parquet"):
        values = memory()
        values.execute(
            f"create or replace table rows ({', '.join(f'{name} varchar' for name in names)})"
        )
        for row in rows:
            values.execute(
                f"insert into rows values ({','.join('?' * len(names))})", [*row.values()]
            )
        values.execute(f"copy rows to '{path}' (format parquet)")
        return
    if ".csv" in ending:
        lines = [",".join(names)]
        for row in rows:
            texts = [value and value.replace('"', '""') for value in row.values()]
            lines.append(",".join("" if text is None else f'"{text}"' for text in texts))
    else:
        lines = [json.dumps(row) for row in rows]
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if ending.endswith(".gz") else text)


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
    memory().execute(f"copy (select {sql}) to '{path}' (format parquet)")


def loaded(home: Home, source: str | Path, **options: Any) -> Load:
    return load(home, source, options=Options(**options), warn=lambda warning: None)


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
    result = memory().execute(f"select * exclude (_loaded_at) from '{home.raw}/{table}.parquet'")
    names = [name for name, *_ in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def types(home: Home, table: str = "invoices") -> dict[str, str]:
    described = memory().execute(f"describe from '{home.raw}/{table}.parquet'").fetchall()
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


def test_numbers_in_ndjson_stay_text(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    numbers = {"status": 1, "self_billed": True, "currency": "EUR\n", "payment_status": "\u00fc"}
    amounts = ["12.5", "99999999999999999999", "-7", "1e3"]
    rows = [json.dumps(INVOICE | numbers | {"id": f"i{at}"}) for at in range(4)]
    lines = [
        row.replace('"total_amount_cents": "1250"', f'"total_amount_cents": {amount}')
        for row, amount in zip(rows, amounts, strict=True)
    ]
    (source / "invoices.ndjson").write_text("\r\n".join(lines), encoding="utf-8")
    loaded(home, source)
    assert [row["total_amount_cents"] for row in raw(home)] == [*amounts[:3], "1000.0"]
    landed = raw(home)[0]
    assert (landed["status"], landed["self_billed"]) == ("1", "true")
    assert (landed["currency"], landed["payment_status"]) == ("EUR\n", "\u00fc")


def test_api_responses_land_like_tables(home: Home, api: Path) -> None:
    result = loaded(home, api)
    assert raw(home, "organizations") == [
        {"id": ACME, "name": "Acme", "created_at": "2025-01-31T23:59:59Z"}
    ]
    assert raw(home, "billing_entities") == [ENTITIES[0] | {"deleted_at": None}]
    assert raw(home) == [API_LANDED, API_LANDED | {"id": "i2"}]
    assert (result.read, result.raw, result.warnings) == (2, 2, [])
    assert set(result.files) == {path.name for path in api.iterdir()}


def test_numbers_in_api_responses_stay_text(home: Home, api: Path) -> None:
    page = api / "invoices-page-1.json"
    page.write_text(page.read_text().replace("1250", "1e3"))
    loaded(home, api)
    assert raw(home)[0]["total_amount_cents"] == "1e3"


def test_csv_with_byte_order_mark_carriage_returns_and_quotes(home: Home, source: Path) -> None:
    header = '"id",nickname,"created,at",created_at,name,nickname,"odd\r\nheader"\r\n'
    row = 'a,,1,2024-01-01,"x ""y"",\r\nz",2,\r\n'
    (source / "organizations.csv").write_bytes(f"\ufeff{header}{row}".encode())
    loaded(home, source)
    assert raw(home, "organizations") == [
        {"id": "a", "name": 'x "y",\r\nz', "created_at": "2024-01-01"}
    ]


def test_typed_columns_keep_the_types_that_staging_takes(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    write_parquet(
        source / "invoices.parquet",
        id=f"uuid '{ACME}'",
        organization_id="42",
        status="cast(1 as tinyint)",
        payment_status="cast(0 as integer)",
        issuing_date="date '2026-02-28'",
        total_amount_cents="cast(1250 as bigint)",
        self_billed="false",
        payment_dispute_lost_at="timestamptz '2026-03-01 01:00:00+01'",
        updated_at="timestamp_ns '2026-03-01 08:00:00'",
        invoice_type="cast(0 as integer)",
        customer_id=f"uuid '{ACME}'",
        payment_due_date="date '2026-03-30'",
        total_paid_amount_cents="cast(0 as bigint)",
    )
    loaded(home, source)
    assert list(types(home).values()) == [
        *("UUID", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "INTEGER", "DATE", "VARCHAR"),
        *("BIGINT", "BOOLEAN", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS"),
        *("VARCHAR", "INTEGER", "UUID", "VARCHAR", "VARCHAR", "DATE", "BIGINT", "TIMESTAMP"),
    ]
    values = memory().execute(
        "select id, organization_id, status, issuing_date, total_amount_cents, "
        f"epoch(payment_dispute_lost_at) from '{home.raw}/invoices.parquet'"
    )
    lost = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert values.fetchall() == [(UUID(ACME), "42", 1, date(2026, 2, 28), 1250, lost)]


@pytest.mark.parametrize(
    ("column", "given", "landed"),
    [
        ("total_amount_cents", "cast(5 as ubigint)", "5"),
        ("total_amount_cents", "cast(5 as decimal(38, 0))", "5"),
        ("total_amount_cents", "cast(5 as utinyint)", 5),
        ("total_amount_cents", "cast(null as double)", None),
        ("payment_dispute_lost_at", "cast(null as integer)", None),
        ("issuing_date", "cast(null as timestamp)", None),
        ("self_billed", "cast(0 as tinyint)", "0"),
        ("status", "cast('draft' as enum ('draft', 'open'))", "draft"),
    ],
)
def test_other_types_land_as_text_or_wider(
    home: Home, source: Path, column: str, given: str, landed: object
) -> None:
    (source / "invoices.csv").unlink()
    write_parquet(source / "invoices.parquet", **{column: given})
    loaded(home, source)
    assert raw(home)[0][column] == landed


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_of_the_api_are_known_in_tables(home: Home, source: Path, ending: str) -> None:
    for table, rows in [("organizations", ORGANIZATIONS), ("invoices", INVOICES)]:
        (source / f"{table}.csv").unlink()
        renamed = [{"lago_id" if name == "id" else name: row[name] for name in row} for row in rows]
        write(source / f"{table}{ending}", renamed)
    loaded(home, source)
    assert raw(home, "organizations") == ORGANIZATIONS
    assert raw(home) == INVOICES


@pytest.mark.parametrize("ending", ENDINGS)
def test_absent_optional_columns_are_null_and_named(
    home: Home, tmp_path: Path, ending: str
) -> None:
    absent = ["billing_entity_id", "billing_entity_code", "self_billed"]
    absent += ["payment_dispute_lost_at", "updated_at"]
    rows = [{name: row[name] for name in row if name not in absent} for row in INVOICES]
    directory = tmp_path / "source"
    directory.mkdir()
    write(directory / f"organizations{ending}", [{"id": "a", "created_at": "2024-01-01"}])
    write(directory / f"invoices{ending}", rows)
    heard: list[str] = []
    result = load(home, directory, warn=heard.append)
    assert raw(home) == [row | dict.fromkeys(absent) for row in INVOICES]
    assert raw(home, "organizations") == [{"id": "a", "name": None, "created_at": "2024-01-01"}]
    assert raw(home, "billing_entities") == []
    assert set(types(home, "billing_entities").values()) == {"VARCHAR", "TIMESTAMP"}
    assert {types(home)[name] for name in absent} == {"VARCHAR"}
    assert result.warnings == heard == current_load(home).warnings
    entities, columns = heard
    assert "billing_entities" in entities
    assert f"invoices{ending} lacks {', '.join(absent)}" in columns


@pytest.mark.parametrize("absent", ["billing_entity_id", "billing_entity_code"])
def test_one_column_suffices_to_name_the_billing_entity(
    home: Home, source: Path, absent: str
) -> None:
    write(source / "invoices.csv", [{name: INVOICE[name] for name in INVOICE if name != absent}])
    assert loaded(home, source).warnings == []
    assert raw(home) == [INVOICE | {absent: None}]


def test_key_that_only_later_rows_have_is_no_absent_column(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    bare = {name: INVOICE[name] for name in INVOICE if name != "self_billed"} | {"id": "i0"}
    write(source / "invoices.ndjson", [bare, INVOICE])
    assert loaded(home, source).warnings == []
    assert [row["self_billed"] for row in raw(home)] == [None, "f"]


def test_keys_that_come_after_thousands_of_rows_are_read(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    bare = {name: INVOICE[name] for name in INVOICE if name not in ("self_billed", "currency")}
    many = [bare | {"id": f"i{at}"} for at in range(5000)]
    write(source / "invoices.ndjson", [*many, INVOICE | {"id": "last"}])
    assert loaded(home, source).warnings == []
    landed = {row["id"]: (row["self_billed"], row["currency"]) for row in raw(home)}
    assert landed["last"] == ("f", "EUR")
    assert landed["i0"] == (None, None)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_no_invoices_are_fine(home: Home, source: Path, ending: str) -> None:
    (source / "invoices.csv").unlink()
    write(source / f"invoices{ending}", [], columns=INVOICE)
    result = loaded(home, source)
    assert (result.read, result.raw, result.warnings) == (0, 0, [])
    assert raw(home) == []


@pytest.mark.parametrize(
    "moment",
    [
        *("2026-01-10 10:00Z", "2026-01-10 11:00+01:00", "2026-01-10T10:00 UTC"),
        *("2026-01-10 11:00:00 +0100", "2026-01-10 09:00:00 -01", "2026-01-10t10:00:00.0z"),
        *("2026-01-10 10:00", "2026-01-10 11:00:15 +01:00:15"),
    ],
)
def test_a_moment_is_read_as_the_rules_have_it(home: Home, source: Path, moment: str) -> None:
    write(source / "organizations.csv", [{"id": ACME, "created_at": moment}])
    write(source / "billing_entities.csv", [ENTITIES[0] | {"deleted_at": moment}])
    newer = INVOICE | {"updated_at": moment, "currency": "NEW"}
    older = INVOICE | {"updated_at": "2026-01-10 09:59:59Z"}
    for rows in ([newer, older], [older, newer]):
        write(source / "invoices.csv", rows)
        loaded(home, source)
        assert [row["currency"] for row in raw(home)] == ["NEW"]


def test_lines_in_quotes_that_look_like_rows_are_none(home: Home, source: Path) -> None:
    """Many enough for DuckDB to read the file in pieces."""
    (source / "invoices.csv").unlink()
    note = f'"\n{f"n,{LINE}" * 70}"'
    rows = (f"{note},{LINE.replace('i1', f'i{at}', 1)}" for at in range(4000))
    (source / "invoices.csv").write_text(f"note,{HEADER}{''.join(rows)}")
    assert (source / "invoices.csv").stat().st_size > 9_000_000
    assert loaded(home, source).raw == 4000


def test_blank_lines_are_no_invoices(home: Home, source: Path) -> None:
    replace(source, "invoices.ndjson", "\n\n")
    assert loaded(home, source).raw == 0


def test_no_invoices_in_api_responses_are_fine(home: Home, api: Path) -> None:
    (api / "invoices-page-2.json.gz").unlink()
    write_page(api / "invoices-page-1.json", [], 1, 0, 0)
    write_json(api / "billing_entities.json", {"billing_entities": []})
    result = loaded(home, api)
    assert (result.read, result.billing_entities, result.warnings) == (0, 0, [])
    assert types(home)["organization_id"] == "VARCHAR"


def test_loading_time_is_utc_and_everywhere(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 6, 17, 23, 30, 5, 999999, tzinfo=UTC)
    monkeypatch.setattr(load_module, "now", lambda: moment)
    result = loaded(home, source)
    assert result.loaded_at == "2026-06-17T23:30:05Z"
    assert result.load_id.startswith("20260617T233005Z-")
    for table in ("organizations", "billing_entities", "invoices"):
        times = memory().execute(f"select distinct _loaded_at from '{home.raw}/{table}.parquet'")
        assert times.fetchall() == [(datetime(2026, 6, 17, 23, 30, 5),)]


# Versions of invoices


@pytest.mark.parametrize(
    ("versions", "kept"),
    [
        (["2026-01-02", "2026-01-01", "2026-01-01"], 0),
        (["2026-01-01", "2026-01-02", None], 1),
        (["2026-01-01", "2026-01-01"], 1),
        ([None, None, None], 2),
        ([None, "2026-01-01", ""], 1),
        (["2026-01-01T10:00:00+02:00", "2026-01-01 09:00:00"], 1),
        (["2026-01-01T10:00:00-02:00", "2026-01-01 09:00:00"], 0),
        (["2026-01-01 10:00:00 UTC", "2026-01-01 09:00:00 -0100", "2026-01-01 10:30:00z"], 2),
    ],
)
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_newest_version_stays(
    home: Home, source: Path, versions: list[str | None], kept: int, ending: str
) -> None:
    rows = [
        INVOICE | {"updated_at": version, "total_amount_cents": str(at)}
        for at, version in enumerate(versions)
    ]
    others = [INVOICE | {"id": "i0"}, INVOICE | {"id": "i2"}]
    (source / "invoices.csv").unlink()
    write(source / f"invoices{ending}", [others[0], *rows, others[1]])
    result = loaded(home, source)
    assert raw(home) == [others[0], rows[kept], others[1]]
    assert result.read == len(versions) + 2
    assert (result.superseded, result.raw) == (len(versions) - 1, 3)


def test_a_source_without_invoices_is_refused(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Files, "find", lambda *_: None)
    with pytest.raises(HarnessError, match="has no invoices; give a source that has"):
        loaded(home, source)


def test_versions_in_a_file_with_row_numbers_of_its_own(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    rows = [INVOICE | {"currency": currency, "file_row_number": "7"} for currency in ("USD", "EUR")]
    write(source / "invoices.parquet", rows)
    assert loaded(home, source).superseded == 1
    assert raw(home) == [INVOICE]


def test_of_equal_versions_the_one_on_the_last_page_stays(home: Home, api: Path) -> None:
    (api / "invoices-page-2.json.gz").unlink()
    for page in range(1, 11):
        invoice = API_INVOICE | {"total_amount_cents": page}
        write_page(api / f"invoices-page-{page}.json", [invoice], page, 10, 1)
    result = loaded(home, api)
    assert [row["total_amount_cents"] for row in raw(home)] == ["10"]
    assert (result.read, result.superseded, result.warnings) == (10, 9, [])


def test_typed_versions_are_compared(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    versions = "unnest([timestamp '2026-01-02', null, timestamp '2026-01-01'])"
    write_parquet(source / "invoices.parquet", updated_at=versions)
    assert loaded(home, source).superseded == 2
    assert [row["updated_at"] for row in raw(home)] == [datetime(2026, 1, 2)]


# Sources


def test_sample_has_its_as_of_date_and_no_warning(home: Home) -> None:
    result = loaded(home, "sample")
    with (PROJECT / "seeds" / "lago" / "invoices.csv").open(newline="") as lines:
        assert result.raw == sum(1 for _ in csv.DictReader(lines))
    assert (result.source, result.as_of_date) == ("sample", "2026-06-17")
    assert result.warnings == []


def test_load_is_on_record(home: Home, source: Path) -> None:
    (source / "plans.csv").write_text("id\n1\n")
    (source / "invoices_old.parquet").mkdir()
    (source / ".hidden").touch()
    result = loaded(home, source)
    assert current_load(home) == result
    assert (result.source, result.as_of_date) == (str(source), None)
    tables = ["billing_entities.csv", "invoices.csv", "organizations.csv"]
    assert result.files == {name: (source / name).stat().st_size for name in tables}
    (warning,) = result.warnings
    assert "invoices_old.parquet, plans.csv" in warning
    assert "hidden" not in warning


def test_file_of_invoices_goes_with_one_of_organizations(home: Home, source: Path) -> None:
    write(source / "Export (1).ndjson.gz", INVOICES)
    organizations = source / "organizations.csv"
    result = loaded(home, source / "Export (1).ndjson.gz", organizations=organizations)
    assert raw(home) == INVOICES
    assert result.source == str(source / "Export (1).ndjson.gz")
    assert set(result.files) == {"Export (1).ndjson.gz", "organizations.csv"}


def test_relative_path_is_recorded_absolute(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    invoices = Path("invoices.csv")
    result = loaded(home, invoices, organizations=Path("organizations.csv"))
    assert result.source == str(source / "invoices.csv")


@pytest.mark.parametrize("name", ["it's", "[ab]*", "id=7", 'a "b" {} ünï', "a?"])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".ndjson"])
def test_any_path_is_read_as_it_is(tmp_path: Path, name: str, ending: str) -> None:
    home = Home(tmp_path / name / "home")
    home.make()
    for directory in (tmp_path / "a", tmp_path / "ab", tmp_path / name):
        directory.mkdir(exist_ok=True)
        write(tmp_path / "rows", [{"id": directory.name, "created_at": "2026-01-01"}], ending)
        (tmp_path / "rows").rename(directory / f"organizations{ending}")
        write(directory / "invoices.csv", [INVOICE, INVOICE])
    loaded(home, tmp_path / name)
    (home.raw / "organizations.parquet").rename(tmp_path / "landed.parquet")
    found = memory().execute(f"select id from '{tmp_path}/landed.parquet'").fetchall()
    assert found == [(name,)]


# What is refused

HEADER = ",".join(INVOICE) + "\n"
LINE = "i1,a,,,1,1,2026-01-01,EUR,5,f,,,,,,,,,\n"
CREATED = "id,created_at\n"
ENTITY = "id,organization_id,code\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("invoices.csv", "", "invoices.csv is empty (0 bytes)"),
        ("invoices.csv.gz", "", "invoices.csv.gz is empty (0 bytes)"),
        ("invoices.csv.gz", gzip.compress(b"", mtime=0), "invoices.csv.gz is empty (0 bytes)"),
        ("invoices.parquet", "", "invoices.parquet is empty (0 bytes)"),
        ("invoices.ndjson", "", "invoices.ndjson is empty (0 bytes)"),
        ("organizations.csv", "", "organizations.csv is empty (0 bytes)"),
        # No CSV, or a damaged one.
        ("invoices.csv", f"{HEADER}{LINE}i2,a\n", "csv cannot*Line: 3, Expected*: 19 Found: 2;"),
        ("invoices.csv", f"{HEADER}{LINE[:-1]},x\n", "Line: 2, Expected*: 19 Found: 20;"),
        ("invoices.csv", f'{HEADER}i1,"a,,,\n', "Line: 2, Value with unterminated quote found;"),
        ("invoices.csv", f"{HEADER}{LINE[:-1]}x\r\n{LINE}", "cannot be loaded: a line*CR LF"),
        (
            "invoices.csv",
            f"{HEADER}{LINE}{'x' * 3_000_000}{LINE}",
            "line 3 is longer than 2,000,000",
        ),
        ("invoices.csv", HEADER.encode() + b"\xff\n", "invoices.csv*UTF-8"),
        ("invoices.csv", HEADER.encode() + LINE.encode() * 999 + b"\xff\n", "Line: 1001, Invalid"),
        ("invoices.csv", HEADER.encode("utf-16"), "invoices.csv*is no CSV file in UTF-8"),
        (
            "invoices.csv",
            gzip.compress(HEADER.encode(), mtime=0),
            "invoices.csv is packed with gzip",
        ),
        ("invoices.csv", "id\0,status\n", "invoices.csv*is no CSV file"),
        ("invoices.csv", f"\n{HEADER}", "invoices.csv*is no CSV file*no header"),
        ("invoices.csv", '"id,status\n', "invoices.csv*is no CSV file*unexpected end of data"),
        ("invoices.csv.gz", HEADER, "invoices.csv.gz cannot be loaded: Not a gzipped file"),
        # Columns.
        ("invoices.csv", HEADER.replace(",", ";"), "lacks id,*; it has id;organization_id;"),
        ("invoices.csv", HEADER.replace("currency", "code"), "lacks currency,*,*, code,"),
        ("invoices.csv", HEADER.replace("updated_at", "status"), "has the column status twice"),
        ("invoices.csv", HEADER.replace("updated_at", "lago_id"), "has the column id twice"),
        ("invoices.ndjson", '{"id": "1"}\n', "lacks status, payment_status,*; it has id"),
        (
            "organizations.csv",
            "id,name\n",
            "lacks created_at, which organizations*; it has id, name",
        ),
        ("billing_entities.csv", "id,code\n", "entities.csv does not say whose its rows are"),
        # Other formats.
        ("invoices.parquet", "PAR1" * 9, "invoices.parquet cannot be loaded"),
        ("invoices.ndjson", '{"id": 1}\n{"id": 2,,}\n', "ndjson cannot*Malformed JSON in line 2:"),
        ("invoices.ndjson", f"{json.dumps(INVOICE)}\n[2]\n", "in line 2: Expected OBJECT"),
        # Rows.
        ("invoices.ndjson", "{}\n", "invoices.ndjson: 1 of the rows have no id"),
        ("organizations.csv", CREATED, "organizations.csv: there are 0 rows"),
        ("organizations.csv", f"{CREATED}a,\n", "created_at of the organization a is None"),
        (
            "organizations.csv",
            f"{CREATED}a,2026-02-30\n",
            "organization a is '2026-02-30', no time",
        ),
        (
            "organizations.csv",
            f"{CREATED}a,infinity\n",
            "organization a is 'infinity', no timestamp",
        ),
        ("organizations.csv", f"{CREATED}a,0001-01-01\n", "'0001-01-01', and*800 years at most"),
        *(
            ("organizations.csv", f"{CREATED}a,{moment}\n", f"'{moment}', no timestamp")
            for moment in ("2026-01-10 24:00", "0000-01-01", "2026-01-10 10:00+16")
        ),
        ("organizations.csv", f"{CREATED},2026-01-01\n", "1 of the rows have no id*is row 1"),
        ("organizations.csv", CREATED + "a,2026-01-01\n" * 2, "the id a is there 2 times"),
        ("billing_entities.csv", f"{ENTITY}e,a,x\ne,b,y\n", "csv: the id e is there 2 times"),
        ("billing_entities.csv", f"{ENTITY},a,x\n", "entities.csv: 1 of the rows have no id"),
        ("invoices.csv", f'{HEADER}{LINE}" \t"{LINE[2:]}{LINE[2:]}', "2 of the rows*is row 2"),
    ],
)
def test_unfit_table_is_refused(
    home: Home, source: Path, name: str, content: str | bytes, message: str
) -> None:
    replace(source, name, content)
    assert_like(failure(home, source), message)


def replace(source: Path, name: str, content: str | bytes) -> None:
    (source / f"{name.partition('.')[0]}.csv").unlink()
    (source / name).write_bytes(content.encode() if isinstance(content, str) else content)


def assert_like(message: str, pattern: str) -> None:
    """The message contains the pattern, in which * stands for anything."""
    assert re.search(".*".join(map(re.escape, pattern.split("*"))), message), message


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (".csv", "invoices.csv cannot be loaded: CSV Error on Line: "),
        (".csv.gz", "invoices.csv.gz cannot be loaded: Compressed file ended before"),
        (".parquet", "invoices.parquet cannot be loaded: No magic bytes"),
        (".ndjson", "invoices.ndjson cannot be loaded: Malformed JSON in line "),
        (".ndjson.gz", "invoices.ndjson.gz cannot be loaded: Compressed file ended before"),
    ],
)
@pytest.mark.parametrize("missing", [5, 1050])
def test_file_that_is_cut_off_is_refused(
    home: Home, source: Path, ending: str, message: str, missing: int
) -> None:
    whole = source.parent / f"invoices{ending}"
    write(whole, [INVOICE | {"id": uuid4().hex} for _ in range(100)])
    replace(source, whole.name, whole.read_bytes()[:-missing])
    assert_like(failure(home, source), message)


def test_gzip_that_is_cut_off_between_two_rows_is_refused(home: Home, source: Path) -> None:
    compressor = zlib.compressobj(wbits=31)
    whole_rows = compressor.compress((HEADER + LINE).encode())
    replace(source, "invoices.csv.gz", whole_rows + compressor.flush(zlib.Z_FULL_FLUSH))
    assert_like(failure(home, source), "invoices.csv.gz*Compressed file ended before")


def test_gzip_in_several_parts_is_read_to_the_end(home: Home, source: Path) -> None:
    parts = [gzip.compress(part.encode()) for part in (HEADER + LINE, LINE.replace("i1", "i2"))]
    replace(source, "invoices.csv.gz", b"".join(parts))
    assert loaded(home, source).raw == 2


@pytest.mark.parametrize(
    ("column", "given", "type_"),
    [
        ("total_amount_cents", "cast(12.5 as double)", "DOUBLE"),
        ("total_amount_cents", "cast(12.5 as decimal(18, 2))", "DECIMAL(18,2)"),
        ("issuing_date", "timestamp '2026-01-31 23:00:00'", "TIMESTAMP"),
        ("issuing_date", "timestamptz '2026-01-31 23:00:00+00'", "TIMESTAMP WITH TIME ZONE"),
        ("payment_status", "cast(1 as double)", "DOUBLE"),
        ("currency", "['EUR']", "VARCHAR[]"),
        ("id", "cast('i1' as blob)", "BLOB"),
        ("self_billed", "date '2026-01-01'", "DATE"),
    ],
)
def test_type_that_could_be_misread_is_refused(
    home: Home, source: Path, column: str, given: str, type_: str
) -> None:
    (source / "invoices.csv").unlink()
    write_parquet(source / "invoices.parquet", **{column: given})
    message = failure(home, source)
    assert f"invoices.parquet: {column} has the type {type_} and must be" in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("organizations.parquet", "has organizations twice: organizations.csv, organizations.par"),
        ("invoices.csv.gz", "has invoices twice: invoices.csv, invoices.csv.gz"),
        ("invoices-page-1.json", "has invoices twice: invoices*, invoices"),
        ("billing_entities.json", "has billing_entities twice"),
    ],
)
def test_table_that_is_there_twice_is_refused(
    home: Home, source: Path, name: str, message: str
) -> None:
    (source / name).touch()
    assert_like(failure(home, source), message)


@pytest.mark.parametrize("table", ["organizations", "invoices"])
def test_missing_table_is_named(home: Home, source: Path, table: str) -> None:
    (source / f"{table}.csv").rename(source / f"my_{table}.csv")
    assert_like(failure(home, source), f"source has no file of {table}, such*: my_{table}.csv")


PAGES = {"current_page": 1, "total_pages": 2, "total_count": 2}


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("invoices-page-1.json", {"error": "Unauthorized"}, "is no API response with `invoices`"),
        ("invoices-page-1.json", [API_INVOICE], "page-1.json is no API response with `invoices`"),
        ("invoices-page-1.json", {"invoices": [None], "meta": PAGES}, "is no API response with"),
        ("invoices-page-1.json", {"invoices": [API_INVOICE]}, "page-1.json has no complete `meta`"),
        (
            "invoices-page-1.json",
            {"invoices": [], "meta": {"current_page": 1}},
            "no complete `meta`",
        ),
        (
            "invoices-page-3.json",
            {"invoices": [], "meta": PAGES},
            "page-3.json is page 1, and so is",
        ),
        (
            "invoices-page-2.json.gz",
            {"invoices": [], "meta": PAGES},
            "2.json.gz is page 1, and so is",
        ),
        (
            "invoices-page-1.json",
            {"invoices": [{"a": 1}], "meta": PAGES},
            "1 of the rows have no id",
        ),
        ("organization.json", {"error": "Unauthorized"}, "is no API response with `organization`"),
        ("organization.json", {"organization": {"lago_id": "a"}}, "lacks created_at,*has lago_id"),
        ("billing_entities.json", {"billing_entities": [{"a": 1}]}, "lacks id, code,*; it has a"),
    ],
)
def test_unfit_api_response_is_refused(
    home: Home, api: Path, name: str, body: object, message: str
) -> None:
    write_json(api / name, body)
    assert_like(failure(home, api), message)


@pytest.mark.parametrize("sizes", [(2, 1, 1), (1, 2), (1, 2, 1)])
def test_pages_that_are_not_full_are_not_taken_for_all(
    home: Home, api: Path, sizes: tuple[int, ...]
) -> None:
    for file in api.glob("invoices-*"):
        file.unlink()
    for page, size in enumerate(sizes, start=1):
        items = [API_INVOICE | {"lago_id": f"{page}-{at}"} for at in range(size)]
        write_page(api / f"invoices-page-{page}.json", items, page, len(sizes), sum(sizes))
    listed = ", ".join(map(str, sizes))
    assert f"pages of {listed} invoices, so some are missing" in failure(home, api)


def test_half_a_character_in_a_response_is_no_fault(home: Home, api: Path) -> None:
    odd = {"customer": API_INVOICE["customer"] | {"name": "Foo \ud83d"}, "remark": "\ud83d"}
    write_page(api / "invoices-page-1.json", [API_INVOICE | odd], 1, 2, 2)
    loaded(home, api)
    assert {row["customer_name"] for row in raw(home)} == {"Foo ?", "Paul"}


def test_a_response_that_is_nested_without_end_is_named(home: Home, api: Path) -> None:
    (api / "invoices-page-1.json").write_text('{"invoices": ' + "[" * 100_000)
    assert "page-1.json cannot be loaded: what is in it is nested" in failure(home, api)


def test_missing_column_of_api_responses_is_named(home: Home, api: Path) -> None:
    (api / "invoices-page-2.json.gz").unlink()
    write_page(api / "invoices-page-1.json", [{"lago_id": "i1", "status": 1}], 1, 1, 1)
    assert_like(failure(home, api), "page-1.json lacks payment_status,*; it has lago_id, status")


@pytest.mark.parametrize(
    ("page", "pages", "missing"), [(1, 2, "page 2 of the 2"), (3, 4, "page 1, 2, 4 of the 4")]
)
def test_missing_page_is_named(home: Home, api: Path, page: int, pages: int, missing: str) -> None:
    (api / "invoices-page-2.json.gz").unlink()
    write_page(api / "invoices-page-1.json", [API_INVOICE], page, pages, 2)
    assert f"lacks {missing} pages of invoices" in failure(home, api)


@pytest.mark.parametrize(
    ("name", "length", "message"),
    [
        ("invoices-page-1.json", 0, "invoices-page-1.json is empty (0 bytes)"),
        ("invoices-page-1.json", 99, "invoices-page-1.json cannot be loaded: *: line 6 column"),
        ("invoices-page-2.json.gz", -9, "page-2.json.gz cannot be loaded: Compressed file ended"),
        ("organization.json", 99, "organization.json cannot be loaded: "),
    ],
)
def test_api_response_that_is_cut_off_is_refused(
    home: Home, api: Path, name: str, length: int, message: str
) -> None:
    (api / name).write_bytes((api / name).read_bytes()[:length])
    assert_like(failure(home, api), message)


def test_api_responses_of_unknown_organization_are_refused(home: Home, api: Path) -> None:
    (api / "organization.json").rename(api / "organization-2.json")
    assert "api has no file of organizations" in failure(home, api)
    write(api / "organizations.csv", ORGANIZATIONS)
    assert "give --organization: " in failure(home, api)
    write(api / "organizations.csv", ORGANIZATIONS[:1])
    loaded(home, api)
    assert {row["organization_id"] for row in raw(home)} == {ACME}


def test_fewer_invoices_than_lago_counted_are_a_warning(home: Home, api: Path) -> None:
    write_page(api / "invoices-page-2.json.gz", [API_INVOICE], 2, 2, 3)
    result = loaded(home, api)
    assert (result.read, result.superseded, result.raw) == (2, 1, 1)
    (warning,) = result.warnings
    assert "1 invoices, but Lago counted 2" in warning
    write_page(api / "invoices-page-2.json.gz", [], 2, 2, 0)
    assert loaded(home, api).warnings == []


def test_api_responses_without_billing_entities_are_fine(home: Home, api: Path) -> None:
    (api / "billing_entities.json").unlink()
    (warning,) = loaded(home, api).warnings
    assert "billing_entities" in warning
    assert raw(home, "billing_entities") == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("mysql://lago:secret@db/lago", ["mysql:// is not supported; give sample, a directory"]),
        ("nowhere", ["there is no file", "nowhere; give sample, a directory"]),
        ("empty", ["no file of organizations", "files are there: none"]),
        ("source/invoices.csv", ["--organizations FILE"]),
        ("source/notes.txt", ["notes.txt must end in .csv, .parquet, .ndjson"]),
    ],
)
def test_source_that_cannot_be_read_is_refused(
    home: Home,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    words: list[str],
) -> None:
    monkeypatch.chdir(source.parent)
    Path("empty").mkdir()
    (source / "notes.txt").write_text("hello")
    message = failure(home, given)
    for word in words:
        assert word in message


def test_organizations_are_for_a_file_of_invoices(home: Home, source: Path) -> None:
    organizations = source / "organizations.csv"
    assert "is a directory" in failure(home, source, organizations=organizations)
    invoices = source / "invoices.csv"
    assert "there is no file" in failure(home, invoices, organizations=source / "nowhere.csv")


# All or nothing


def test_nothing_loaded_is_said(home: Home) -> None:
    with pytest.raises(HarnessError, match=r"nothing is loaded .* run: harness load"):
        current_load(home)


def test_second_load_replaces_the_first(home: Home, source: Path) -> None:
    first = loaded(home, source)
    write(source / "invoices.csv", [INVOICE])
    second = loaded(home, source)
    assert raw(home) == [INVOICE]
    assert current_load(home) == second != first
    assert sorted(path.name for path in home.raw.parent.iterdir()) == [second.load_id, "current"]
    tables = ("billing_entities", "customers", "invoices", "organizations")
    files = ["load.json", *(f"{table}.parquet" for table in tables)]
    assert sorted(path.name for path in home.raw.iterdir()) == sorted(files)


@pytest.mark.parametrize("last", [INVOICE | {"id": ""}, INVOICE | {"id": None}])
def test_failed_load_leaves_the_current_one(home: Home, source: Path, last: Row) -> None:
    first = loaded(home, source)
    write(source / "invoices.csv", [INVOICE, INVOICE, last])
    failure(home, source)
    assert current_load(home) == first
    assert len(list(home.raw.parent.iterdir())) == 2


def test_interrupted_load_leaves_nothing(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(load_module, "write_json", interrupt)
    with pytest.raises(KeyboardInterrupt):
        loaded(home, source)
    assert list((home.path / "raw").iterdir()) == []


def test_home_that_cannot_be_written_is_named(home: Home, source: Path) -> None:
    (home.path / "raw").write_text("in the way")
    assert "raw is a file, but the home needs a directory there" in failure(home, source)


# Customers, and what no figure of the report is made of


def customers(home: Home) -> list[tuple[Any, ...]]:
    return (
        memory()
        .execute(
            f"select id, organization_id, external_id, name from '{home.raw}/customers.parquet'"
            " order by all"
        )
        .fetchall()
    )


CUSTOMER: Row = {
    "id": "C1",
    "organization_id": ACME,
    "external_id": "NA",
    "name": "None",
    "deleted_at": "2026-01-01",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_customers_come_from_their_table(home: Home, source: Path, ending: str) -> None:
    write(source / f"customers{ending}", [CUSTOMER])
    assert loaded(home, source).customers == 1
    assert raw(home, "customers") == [CUSTOMER]


def test_without_a_table_the_newest_invoice_names_the_customer(home: Home, source: Path) -> None:
    older = {"id": "i2", "updated_at": "2026-02-01", "customer_name": "Former"}
    nobody = {"id": "i3", "customer_id": None}
    write(source / "invoices.csv", [INVOICE, INVOICE | older, INVOICE | nobody])
    result = loaded(home, source)
    assert result.warnings == []
    assert customers(home) == [("c1", ACME, "paul", "Paul")]


@pytest.mark.parametrize(
    "columns",
    [
        # Lago's own export, dlt, Airbyte.
        {"customer_lago_id": "c1", "customer_external_id": "paul", "customer_name": "Paul"},
        {"customer__lago_id": "c1", "customer__external_id": "paul", "customer__name": "Paul"},
        {"customer": {"lago_id": "c1", "external_id": "paul", "name": "Paul", "email": None}},
    ],
)
def test_the_customer_in_an_invoice_is_taken(home: Home, source: Path, columns: Row) -> None:
    (source / "invoices.csv").unlink()
    others = {name: value for name, value in INVOICE.items() if not name.startswith("customer")}
    invoices = [others | columns, others | {"id": "i2"}]
    text = "".join(json.dumps(row) + "\n" for row in invoices)
    (source / "invoices.ndjson").write_text(text)
    loaded(home, source)
    assert customers(home) == [("c1", ACME, "paul", "Paul")]
    assert [row["customer_id"] for row in raw(home)] == ["c1", None]


def test_saved_responses_have_customers(home: Home, api: Path) -> None:
    loaded(home, api)
    assert customers(home) == [("c1", ACME, "paul", "Paul")]


def test_a_column_called_customer_may_be_any_text(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    write(source / "invoices.ndjson", [INVOICE | {"customer": "Paul & Söhne {"}])
    loaded(home, source)
    assert customers(home) == [("c1", ACME, "paul", "Paul")]


def test_lagos_own_name_of_a_column_comes_before_another_name(home: Home, source: Path) -> None:
    write(source / "invoices.csv", [{"invoice_number": "other"} | INVOICE])
    loaded(home, source)
    assert raw(home) == [INVOICE]


def test_a_type_that_could_be_misread_is_left_out_of_the_list(home: Home, source: Path) -> None:
    (source / "invoices.csv").unlink()
    types_ = {
        "payment_due_date": "timestamp '2026-03-30 23:00:00'",
        "total_paid_amount_cents": "cast(12.5 as double)",
    }
    write_parquet(source / "invoices.parquet", **types_)
    (warning,) = loaded(home, source).warnings
    assert "payment_due_date (TIMESTAMP), total_paid_amount_cents (DOUBLE) is left out" in warning
    assert [row["payment_due_date"] for row in raw(home)] == [None]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (CUSTOMER | {"deleted_at": "soon"}, "deleted_at of the customer C1 is 'soon', no time"),
        (CUSTOMER | {"id": None}, "1 of the rows have no id, the first is row 1"),
    ],
)
def test_unfit_customers_are_refused(row: Row, message: str, home: Home, source: Path) -> None:
    write(source / "customers.csv", [row])
    assert message in failure(home, source)

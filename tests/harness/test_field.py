"""Loads of data as people have them: whatever wrote the files, the figures are the same."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from backports import zstd
from conftest import Harness

from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.load.loading import Load, load
from harness.load.nulls import WORDS
from harness.load.options import Options

Row = dict[str, Any]
Cells = list[tuple[str, str, str, int, int]]

ACME = "11111111-1111-4111-8111-111111111111"
PARIS = "b0000000-0000-4000-8000-00000000000a"
NAMES = (
    *("id", "organization_id", "billing_entity_id", "status", "payment_status", "issuing_date"),
    *("currency", "total_amount_cents", "self_billed", "payment_dispute_lost_at", "updated_at"),
)


def invoice(number: int, paid: int, date: str, currency: str, cents: int, **more: Any) -> Row:
    id_ = f"a0000000-0000-4000-8000-00000000000{number}"
    values = (id_, ACME, None, 1, paid, date, currency, cents, "f", None, "2026-03-01 10:00:00")
    return dict(zip(NAMES, values, strict=True)) | more


# Five invoices count; the others are a draft, a self-billed one and one whose dispute was lost.
INVOICES = [
    invoice(1, 1, "2026-01-15", "EUR", 10000),
    invoice(2, 1, "2026-02-15", "EUR", 20000),
    invoice(3, 0, "2026-02-20", "EUR", 3000),
    invoice(4, 2, "2026-02-21", "USD", 400),
    invoice(5, 1, "2026-02-28", "JPY", 55555),
    invoice(6, 1, "2026-02-25", "EUR", 70000, self_billed="t"),
    invoice(7, 2, "2026-02-25", "EUR", 80000, payment_dispute_lost_at="2026-03-05 10:00:00"),
    invoice(8, 0, "2026-02-26", "EUR", 90000, status=0),
]
CELLS: Cells = [
    ("2026-01-01", "succeeded", "EUR", 1, 10000),
    ("2026-02-01", "failed", "USD", 1, 400),
    ("2026-02-01", "pending", "EUR", 1, 3000),
    ("2026-02-01", "succeeded", "EUR", 1, 20000),
    ("2026-02-01", "succeeded", "JPY", 1, 55555),
]
ORGANIZATION = {"id": ACME, "name": "Acme GmbH", "created_at": "2026-01-10 09:00:00"}
ENTITY = {
    **{"id": PARIS, "organization_id": ACME, "code": "paris"},
    **{"archived_at": None, "deleted_at": None},
}


@cache
def memory() -> duckdb.DuckDBPyConnection:
    """A database in memory for what tests write and read, since each takes 20 ms to open."""
    connection = duckdb.connect(config={"enable_external_file_cache": "false"})
    connection.execute("set TimeZone = 'UTC'")
    return connection


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with the organization, and no invoices yet."""
    directory = tmp_path / "source"
    directory.mkdir()
    write(directory / "organizations.csv", [ORGANIZATION])
    return directory


@pytest.fixture
def land(tmp_path: Path, calculate: ModuleType) -> Callable[..., tuple[Load, Cells]]:
    """Load a source; returns the load, and the cells worked out from what has landed."""

    def run(source: Path, **options: Any) -> tuple[Load, Cells]:
        home = Home(tmp_path / "home")
        home.make()
        loaded = load(home, source, options=Options(**options), warn=lambda _: None)
        landed = tmp_path / "landed"
        landed.mkdir(exist_ok=True)
        for table, columns in (
            ("organizations", "*"),
            ("billing_entities", "*"),
            ("invoices", "* exclude (updated_at)"),
        ):
            memory().execute(
                f"copy (select {columns} from '{home.raw}/{table}.parquet')"
                f" to '{landed}/{table}.csv' (header)"
            )
        result = calculate.collect(landed, calculate.date(2026, 3, 31))
        assert loaded.read == loaded.deleted + loaded.superseded + loaded.raw
        return loaded, [
            (f"{row.month}", row.payment_status, row.currency, row.invoices_count, row.amount_cents)
            for row in result.rows
        ]

    return run


def write(path: Path, rows: list[Row], null: str = "") -> None:
    """Write rows in the format of the path's ending; null as the word, in JSON as null."""
    path.parent.mkdir(exist_ok=True)
    packers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": lambda text: gzip.compress(text, mtime=0),
        ".zst": zstd.compress,
    }
    pack = packers.get(path.suffix, lambda text: text)
    form = Path(path.name.removesuffix(".gz").removesuffix(".zst")).suffix
    if form == ".parquet":
        plain = path.with_name("plain.parquet")
        columns = ", ".join(f'"{name}" varchar' for name in rows[0])
        memory().execute(f"create or replace table rows ({columns})")
        memory().executemany(
            f"insert into rows values ({', '.join('?' * len(rows[0]))})",
            [[None if value is None else str(value) for value in each.values()] for each in rows],
        )
        memory().execute(f"copy rows to '{plain}' (format parquet)")
        path.write_bytes(pack(plain.read_bytes()))
        plain.unlink()
        return
    if form == ".csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(rows[0])
        writer.writerows(
            [null if value is None else value for value in each.values()] for each in rows
        )
        path.write_bytes(pack(text.getvalue().encode()))
        return
    if form == ".json" and "array" in path.parent.name:
        path.write_bytes(pack(json.dumps(rows, indent=1).encode()))
        return
    path.write_bytes(pack("".join(f"{json.dumps(each)}\n" for each in rows).encode()))


def refusal(land: Callable[..., Any], source: Path, **options: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        land(source, **options)
    return str(caught.value)


# Formats and parts


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
@pytest.mark.parametrize("form", [".csv", ".parquet", ".ndjson", ".jsonl", ".json"])
def test_every_format_has_the_same_figures(
    form: str, packed: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source / f"invoices{form}{packed}", INVOICES)
    loaded, cells = land(source)
    assert cells == CELLS
    assert (loaded.read, loaded.raw) == (8, 8)


def test_one_array_of_objects(tmp_path: Path, land: Callable[..., Any]) -> None:
    directory = tmp_path / "array"
    directory.mkdir()
    write(directory / "organizations.json", [ORGANIZATION])
    write(directory / "invoices.json", INVOICES)
    assert land(directory)[1] == CELLS


@pytest.mark.parametrize(
    "names",
    [
        ("invoices-000000000000.json", "invoices-000000000001.json"),
        ("invoices_0_0_0.csv.gz", "invoices_0_1_0.csv.gz"),
        ("invoices0000_part_00.parquet", "invoices0001_part_00.parquet"),
        ("invoices_1.csv", "invoices_10.csv"),
        ("20260331100000_invoices.csv", "20260331110000_invoices.csv"),
        ("invoices-00000-of-00002.ndjson", "invoices-00001-of-00002.ndjson"),
        (
            "invoices/part-00000-9f-c000.snappy.parquet",
            "invoices/part-00001-9f-c000.snappy.parquet",
        ),
        ("invoices/1711.5a3f.parquet", "invoices/1712.5a3f.parquet"),
        ("invoices/2026_03_20_1_0.csv", "invoices/2026_03_20_1_1.csv"),
        ("invoices.parquet/a.parquet", "invoices.parquet/b.parquet"),
        ("invoices/month=2026-01/a.csv", "invoices/month=2026-02/b.csv"),
    ],
)
def test_parts_make_up_a_table(
    names: tuple[str, str], source: Path, land: Callable[..., Any]
) -> None:
    first, second = (source / name for name in names)
    first.parent.mkdir(parents=True, exist_ok=True)
    second.parent.mkdir(parents=True, exist_ok=True)
    (first.parent / "_SUCCESS").touch()
    write(first, INVOICES[:3])
    # In another order, and where a file has a header in another case.
    case = str.lower if "json" in second.suffix else str.upper
    write(second, [{case(name): row[name] for name in reversed(row)} for row in INVOICES[3:]])
    assert land(source)[1] == CELLS


def test_parts_that_do_not_fit_are_named(source: Path, land: Callable[..., Any]) -> None:
    write(source / "invoices_1.csv", INVOICES[:3])
    write(source / "invoices_2.csv", [row | {"odd": 1} for row in INVOICES[3:]])
    message = refusal(land, source)
    assert "invoices_2.csv and invoices_1.csv are parts of one table" in message
    assert "has odd" in message
    (source / "invoices_2.csv").unlink()
    write(source / "invoices_2.ndjson", INVOICES[3:])
    assert "invoices_1.csv, invoices_2.ndjson" in refusal(land, source)
    (source / "invoices_2.ndjson").unlink()
    write(source / "invoices.csv", INVOICES)
    assert "invoices twice: invoices.csv, invoices_1.csv" in refusal(land, source)


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        ("_delta_log/0.json", "a Delta table"),
        ("metadata/v1.metadata.json", "an Iceberg table"),
        (".hoodie/hoodie.properties", "a Hudi table"),
        ("organization_id=1/a.csv", "is partitioned by organization_id"),
    ],
)
def test_a_directory_that_holds_more_than_the_table_is_refused(
    inside: str, kind: str, source: Path, land: Callable[..., Any]
) -> None:
    (source / "invoices" / inside).parent.mkdir(parents=True)
    (source / "invoices" / inside).write_text("{}")
    write(source / "invoices" / "a.parquet", INVOICES)
    assert kind in refusal(land, source)


def test_a_compressed_file_under_a_plain_name_is_told(
    source: Path, land: Callable[..., Any]
) -> None:
    for ending, tool in ((".gz", "gzip"), (".zst", "zstd")):
        write(source / f"invoices.csv{ending}", INVOICES)
        (source / f"invoices.csv{ending}").rename(source / "invoices.csv")
        assert f"invoices.csv is packed with {tool}" in refusal(land, source)


def test_a_zst_that_is_cut_off_is_refused(source: Path, land: Callable[..., Any]) -> None:
    write(source / "invoices.csv.zst", INVOICES)
    whole = (source / "invoices.csv.zst").read_bytes()
    (source / "invoices.csv.zst").write_bytes(whole[:-5])
    assert "Compressed file ended before" in refusal(land, source)


# Words for null


@pytest.mark.parametrize("word", [*WORDS, " ", "  NULL "])
def test_a_word_for_null_is_null(word: str, source: Path, land: Callable[..., Any]) -> None:
    write(source / "invoices.csv", INVOICES, null=word)
    write(source / "billing_entities.csv", [ENTITY], null=word)
    loaded, cells = land(source)
    assert cells == CELLS
    shown = repr(word.strip()) if word.strip() else "a blank"
    assert any(f"{shown} in billing_entity_id (8)" in each for each in loaded.warnings)
    assert any(f"{shown} in archived_at (1)" in each for each in loaded.warnings)


def test_a_word_for_null_in_some_rows_and_in_json(source: Path, land: Callable[..., Any]) -> None:
    rows = [row | {"payment_dispute_lost_at": "null"} for row in INVOICES[:2]] + INVOICES[2:]
    write(source / "invoices.ndjson", rows)
    loaded, cells = land(source)
    assert cells == CELLS
    assert any("'null' in payment_dispute_lost_at (2)" in each for each in loaded.warnings)


def test_names_and_codes_that_are_there_are_no_words_for_null(
    source: Path, land: Callable[..., Any], tmp_path: Path
) -> None:
    write(source / "organizations.csv", [ORGANIZATION | {"name": "None"}])
    write(source / "billing_entities.csv", [ENTITY | {"code": "NA"}])
    write(source / "invoices.csv", [row | {"billing_entity_code": "NA"} for row in INVOICES])
    assert not any("taken for null" in each for each in land(source)[0].warnings)
    landed = memory().execute(
        f"select organizations.name, code, billing_entity_code from '{tmp_path}/home/raw/current/"
        f"organizations.parquet', '{tmp_path}/home/raw/current/billing_entities.parquet',"
        f" '{tmp_path}/home/raw/current/invoices.parquet' limit 1"
    )
    assert landed.fetchall() == [("None", "NA", "NA")]


def test_an_id_that_is_a_word_for_null_is_none(source: Path, land: Callable[..., Any]) -> None:
    write(source / "invoices.csv", [INVOICES[0] | {"id": "NULL"}, *INVOICES[1:]])
    assert "1 of the rows have no id, the first is row 1" in refusal(land, source)


# Rows that are deleted at the source

GONE: dict[str, tuple[Any, Any]] = {
    "_fivetran_deleted": ("true", "false"),
    "_fivetran_active": ("false", "true"),
    "_ab_cdc_deleted_at": ("2026-03-10T00:00:00Z", None),
    "__deleted": ("1", "0"),
    "_sdc_deleted_at": ("2026-03-10 00:00:00", None),
    "dbt_valid_to": ("2026-03-10", "9999-12-31"),
    "_dlt_valid_to": ("2026-03-10 00:00:00+00", None),
    "dbt_is_deleted": ("True", "False"),
    "_peerdb_is_deleted": ("1", "0"),
    "__hevo__marked_deleted": ("true", None),
    "deleted_at": ("2026-03-10 00:00Z", None),
    "__op": ("d", "u"),
    "op": ("D", None),
    "header__change_oper": ("D", "I"),
    "_change_type": ("delete", "insert"),
}
WITHOUT_THE_SECOND = [cell for cell in CELLS if cell[4] != 20000]


@pytest.mark.parametrize("mark", GONE)
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".ndjson"])
def test_a_row_that_is_marked_does_not_count(
    mark: str, ending: str, source: Path, land: Callable[..., Any]
) -> None:
    gone, live = GONE[mark]
    rows = [row | {mark.upper(): gone if at == 1 else live} for at, row in enumerate(INVOICES)]
    write(source / f"invoices{ending}", rows)
    loaded, cells = land(source)
    assert cells == WITHOUT_THE_SECOND
    assert (loaded.read, loaded.deleted, loaded.raw) == (8, 1, 7)
    assert any(f"as {mark} says" in each for each in loaded.warnings)


@pytest.mark.parametrize("mark", GONE)
def test_a_mark_that_cannot_be_told_is_refused(
    mark: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices.csv", [row | {mark: "perhaps"} for row in INVOICES])
    assert f"{mark} of row 1 is 'perhaps'" in refusal(land, source)


def test_marked_organizations_and_entities_are_gone(source: Path, land: Callable[..., Any]) -> None:
    other = ORGANIZATION | {"id": "gone", "_fivetran_deleted": "true"}
    write(source / "organizations.csv", [ORGANIZATION | {"_fivetran_deleted": "false"}, other])
    # An old version of the entity, and the one that holds.
    old = ENTITY | {"code": "old", "dbt_valid_to": "2026-02-01 00:00:00"}
    write(source / "billing_entities.csv", [old, ENTITY | {"dbt_valid_to": None}])
    write(source / "invoices.csv", INVOICES)
    loaded, cells = land(source)
    assert cells == CELLS
    assert (loaded.organizations, loaded.billing_entities) == (1, 1)


@pytest.mark.parametrize(
    ("versions", "counts"),
    [
        # A deletion as new as the last version, an older one, one without the row's values.
        ([("2026-03-01", None), ("2026-03-01", "2026-03-10")], False),
        ([("2026-03-01", None), ("2026-02-01", "2026-03-10")], True),
        ([("2026-03-01", None), (None, "2026-03-10")], False),
        ([(None, "2026-03-10"), ("2026-03-01", None)], False),
        ([("2026-03-09", "2026-03-10"), ("2026-03-01", None)], False),
    ],
)
def test_older_versions_of_a_deleted_invoice_do_not_come_back(
    versions: list[tuple[str | None, str | None]],
    counts: bool,
    source: Path,
    land: Callable[..., Any],
) -> None:
    second = [
        INVOICES[1] | {"updated_at": moment, "_ab_cdc_deleted_at": deleted}
        for moment, deleted in versions
    ]
    others = [row | {"_ab_cdc_deleted_at": None} for row in (INVOICES[0], *INVOICES[2:])]
    write(source / "invoices.csv", [*second, *others])
    loaded, cells = land(source)
    assert cells == (CELLS if counts else WITHOUT_THE_SECOND)
    assert (loaded.read, loaded.deleted, loaded.superseded) == (9, int(not counts), 1)


# Versions


@pytest.mark.parametrize("moment", ["1773000000000000", "05/03/2026", "yesterday", "infinity"])
def test_versions_whose_order_cannot_be_told_are_refused(
    moment: str, source: Path, land: Callable[..., Any]
) -> None:
    rows = [row | {"updated_at": moment} for row in INVOICES]
    write(source / "invoices.csv", rows)
    assert land(source)[1] == CELLS
    write(source / "invoices.csv", [*rows, rows[0] | {"updated_at": "2026-03-05"}])
    message = refusal(land, source)
    assert f"updated_at of {rows[0]['id']} is '{moment}', no moment" in message
    assert "the id is there 2 times" in message


# Names and letter case


def test_uuids_are_equal_whatever_their_case(source: Path, land: Callable[..., Any]) -> None:
    older = INVOICES[0] | {"total_amount_cents": 1, "updated_at": "2026-01-01"}
    upper = [row | {"organization_id": ACME.upper()} for row in INVOICES]
    write(source / "invoices.csv", [*upper, older | {"id": str(older["id"]).upper()}])
    loaded, cells = land(source)
    assert cells == CELLS
    assert loaded.superseded == 1


SPELLINGS = {
    "braces": lambda id_: f"{{{id_}}}",
    "no hyphens": lambda id_: id_.replace("-", "").upper(),
    "padded": lambda id_: f" {id_}\t",
    "a name": lambda id_: f"urn:uuid:{id_}",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("ending", [".csv", ".ndjson", ".parquet"])
def test_an_invoice_whose_uuid_is_spelt_in_two_ways_is_refused(
    ending: str, spelling: Callable[[str], str], source: Path, land: Callable[..., Any]
) -> None:
    one = str(INVOICES[0]["id"])
    older = INVOICES[0] | {"total_amount_cents": 1, "id": spelling(one)}
    write(source / f"invoices{ending}", [*INVOICES, older])
    message = f"the ids {spelling(one)!r} and {one!r} are one UUID in two spellings"
    assert message in refusal(land, source)
    # Alone it is an id like any other.
    alike = [row | {"id": spelling(row["id"])} for row in INVOICES]
    write(source / f"invoices{ending}", alike)
    assert land(source)[1] == CELLS
    write(source / f"invoices{ending}", [*alike, alike[0] | {"id": alike[0]["id"].swapcase()}])
    assert "are one UUID in two spellings" in refusal(land, source)


def test_keys_of_any_case_are_found_wherever_they_begin(
    source: Path, land: Callable[..., Any]
) -> None:
    """As Snowflake unloads objects: names in upper case, and none where a value is null."""
    late = {"PAYMENT_DISPUTE_LOST_AT": "2026-03-01 00:00:00"}
    gone = {"_FIVETRAN_DELETED": True}
    names = ("self_billed", "payment_dispute_lost_at", "updated_at", "billing_entity_id")
    bare = {name.upper(): value for name, value in INVOICES[1].items() if name not in names}
    many = [bare | {"ID": f"i{at}", "TOTAL_AMOUNT_CENTS": 1} for at in range(3000)]
    odd = [bare | {"ID": "x"} | late, bare | {"ID": "y"} | gone]
    odd += [bare | {"ID": "z", "Partner_Billing": True}]
    for split in ((many, odd), ([*many, *odd],)):
        for form in ("ndjson", "json"):
            for at, rows in enumerate(split):
                write(source / f"invoices_{at}.{form}", rows)
            loaded, cells = land(source)
            assert cells == [("2026-02-01", "succeeded", "EUR", 3000, 3000)]
            assert loaded.deleted == 1
            lacking = "lacks billing_entity_id, billing_entity_code, updated_at, number,"
            assert any(lacking in each for each in loaded.warnings)
            for file in source.glob(f"*.{form}"):
                file.unlink()


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_an_array_that_ends_between_two_objects_is_refused(
    packed: str, source: Path, land: Callable[..., Any]
) -> None:
    lines = ",\n".join(json.dumps(row) for row in INVOICES[:4])
    whole, cut = f"[\n{lines}\n]\n \n", f"[\n{lines},\n"
    packers = {".gz": gzip.compress, ".zst": zstd.compress}
    pack = packers.get(packed, lambda text: text)
    (source / f"invoices_1.json{packed}").write_bytes(pack(whole.encode()))
    (source / f"invoices_2.json{packed}").write_bytes(pack(cut.encode()))
    assert f"invoices_2.json{packed} is cut off" in refusal(land, source)
    (source / f"invoices_2.json{packed}").write_bytes(pack(b"[]"))
    assert land(source)[0].raw == 4


@pytest.mark.parametrize("newest", [None, "2026-03-01 10:00:00"])
def test_of_versions_in_parts_the_last_part_counts_whatever_its_columns_order(
    newest: str | None, source: Path, land: Callable[..., Any]
) -> None:
    for part, paid in enumerate((0, 2, 1), start=1):
        row = INVOICES[0] | {"payment_status": paid, "updated_at": newest}
        write(source / f"invoices_{part}.csv", [dict(sorted(row.items(), reverse=part == 2))])
    assert land(source)[1] == CELLS[:1]


def test_parts_behind_a_link_are_read(source: Path, land: Callable[..., Any]) -> None:
    write(source / "elsewhere.d" / "b.csv", INVOICES[3:])
    write(source / "invoices" / "a.csv", INVOICES[:3])
    (source / "invoices" / "more").symlink_to("../elsewhere.d")
    (source / "invoices" / "round").symlink_to("../invoices")
    assert land(source)[1] == CELLS


def test_parts_that_speak_of_others_are_not_taken_for_all(
    source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices-00000-of-00003.csv", INVOICES[:3])
    write(source / "invoices-00002-of-00003.csv", INVOICES[3:])
    assert "has 2 of the 3 parts" in refusal(land, source)
    (source / "invoices-00002-of-00003.csv").rename(source / "invoices-00001-of-00002.csv")
    assert "has 1 of the " in refusal(land, source)
    (source / "invoices-00000-of-00003.csv").rename(source / "invoices-00000-of-00002.csv")
    assert land(source)[1] == CELLS


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        (("1", "3"), "1 to 3 without 2"),
        (("0001", "0004"), "1 to 4 without 2, 3"),
        (("0", "1"), None),
        (("2024", "2026"), None),
        (("0_5", "2_7"), None),
    ],
)
def test_a_gap_in_the_numbers_of_parts_is_told(
    numbers: tuple[str, str], missing: str | None, source: Path, land: Callable[..., Any]
) -> None:
    write(source / f"invoices_{numbers[0]}.csv", INVOICES[:3])
    write(source / f"invoices_{numbers[1]}.csv", INVOICES[3:])
    loaded, cells = land(source)
    assert cells == CELLS
    told = [each for each in loaded.warnings if "are they all?" in each]
    assert len(told) == bool(missing)
    assert not missing or missing in told[0]


@pytest.mark.parametrize(
    ("column", "value", "type_"),
    [
        ("total_amount_cents", "true", "BOOLEAN"),
        ("total_amount_cents", "100", "DOUBLE"),
        ("issuing_date", "timestamptz '2026-02-15 00:00:00Z'", "TIMESTAMP WITH TIME ZONE"),
    ],
)
def test_each_part_has_types_that_can_be_read(
    column: str, value: str, type_: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices" / "a.parquet", INVOICES[:7])
    write(source / "invoices" / "c.parquet", INVOICES[7:])
    file = f"'{source}/invoices/c.parquet'"
    for part, given in (("b", value), ("c", f"null::{type_}")):
        replaced = f"select * replace (cast({given} as {type_}) as {column}) from {file}"
        memory().execute(f"copy ({replaced}) to '{source}/invoices/{part}.parquet'")
    assert f"b.parquet: {column} has the type {type_}" in refusal(land, source)
    # What is null throughout has whatever type its writer gives to nulls.
    (source / "invoices" / "b.parquet").unlink()
    assert land(source)[1] == CELLS


def test_the_type_that_leaves_a_column_out_is_that_of_its_part(
    source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices" / "a.parquet", [row | {"number": "A-1"} for row in INVOICES[:7]])
    rows = [row | {"number": "2"} for row in INVOICES[7:]]
    write(source / "invoices" / "b.parquet", rows)
    file = source / "invoices" / "b.parquet"
    typed = f"select * replace (cast(number as double) as number) from '{file}'"
    memory().execute(f"copy ({typed}) to '{source}/c.parquet'")
    (source / "c.parquet").rename(file)
    loaded, cells = land(source)
    assert cells == CELLS
    assert any("number (DOUBLE) is left out" in each for each in loaded.warnings)


@pytest.mark.parametrize(
    "name", ["self_billed ", "\ufeffself_billed", "Invoices.Self_Billed", "\u200bpartner_billing"]
)
def test_a_name_is_read_without_what_stands_around_it(
    name: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices.csv", renamed("self_billed", name))
    loaded, cells = land(source)
    assert cells == CELLS
    assert not any("self_billed" in each for each in loaded.warnings)


@pytest.mark.parametrize("name", ["Self Billed", "selfBilled", "self-billed"])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".ndjson"])
def test_an_optional_column_in_another_spelling_is_not_taken_for_absent(
    name: str, ending: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source / f"invoices{ending}", renamed("self_billed", name))
    assert f"has {name!r}, which is read as self_billed alone; rename it" in refusal(land, source)


def renamed(name: str, other: str) -> list[Row]:
    return [{other if key == name else key: row[key] for key in row} for row in INVOICES]


def test_two_columns_that_become_one_are_refused(source: Path, land: Callable[..., Any]) -> None:
    for other in ("ID", "lago_id"):
        write(source / "invoices.csv", [row | {other: "x"} for row in INVOICES])
        assert f"has the column id twice (id and {other})" in refusal(land, source)
    write(source / "invoices.csv", [row | {"partner_billing": "f"} for row in INVOICES])
    assert "self_billed twice (self_billed and partner_billing)" in refusal(land, source)


@pytest.mark.parametrize("name", ["invoices.csv", "invoices_1.json", "invoices/a.csv", "alone.csv"])
def test_a_pipe_is_no_file(name: str, source: Path, land: Callable[..., Any]) -> None:
    (source / name).parent.mkdir(exist_ok=True)
    os.mkfifo(source / name)
    place = source / name if name == "alone.csv" else source
    assert f"{name} is no file that can be read twice" in refusal(land, place)


# Whose the rows are

LABELS = {0: "pending", 1: "succeeded", 2: "failed"}


def exported() -> list[Row]:
    """The invoices as Lago's interface exports them: labels, other names, no organization."""
    return [
        {
            "lago_id": row["id"],
            "partner_billing": str(row["self_billed"] == "t").lower(),
            "issuing_date": row["issuing_date"],
            "customer_name": "Müller & Söhne, GmbH",
            "payment_status": LABELS[row["payment_status"]],
            "status": "finalized" if row["status"] else "draft",
            "currency": row["currency"],
            "total_amount_cents": row["total_amount_cents"],
            "payment_dispute_lost_at": row["payment_dispute_lost_at"],
        }
        for row in INVOICES
    ]


def test_lago_s_own_export_is_of_the_one_organization(
    source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices.csv", exported())
    assert land(source)[1] == CELLS
    other = {"id": "other", "name": "Other", "created_at": "2026-01-01"}
    write(source / "organizations.csv", [ORGANIZATION, other])
    message = refusal(land, source)
    assert "give --organization: " in message
    assert f"{ACME} (Acme GmbH)" in message
    for asked in (ACME, ACME.upper(), "Acme GmbH"):
        assert land(source, organization=asked)[1] == CELLS
    assert "there is no organization 'Nobody'" in refusal(land, source, organization="Nobody")
    write(source / "invoices.csv", INVOICES)
    assert "leave --organization out" in refusal(land, source, organization=ACME)


def test_rows_of_the_api_as_replicas_store_them(source: Path, land: Callable[..., Any]) -> None:
    (source / "organizations.csv").unlink()
    body = {"lago_id": ACME, "name": "Acme GmbH", "created_at": "2026-01-10T09:00:00Z"}
    (source / "organization.json").write_text(json.dumps({"organization": body}))
    rows = [row | {"_airbyte_raw_id": "x", "billing_entity_code": "paris"} for row in exported()]
    write(source / "invoices.ndjson", rows)
    write(source / "billing_entities.ndjson", [{"lago_id": PARIS, "code": "paris"}])
    assert land(source)[1] == CELLS


def test_the_export_alone_begins_with_the_first_invoice_that_counts(
    source: Path, land: Callable[..., Any], tmp_path: Path
) -> None:
    draft = exported()[0] | {"lago_id": "d", "issuing_date": "2025-01-01", "status": "draft"}
    partner = draft | {"lago_id": "p", "status": "finalized", "partner_billing": "true"}
    write(source / "invoices.csv", [*exported(), draft, partner])
    loaded, cells = land(source / "invoices.csv")
    assert cells == CELLS
    assert any("when the organization was created is not known" in each for each in loaded.warnings)
    landed = memory().execute(
        "select id, cast(created_at as varchar)"
        f" from '{tmp_path}/home/raw/current/organizations.parquet'"
    )
    assert landed.fetchall() == [("unnamed", "2026-01-01 00:00:00")]
    write(source / "invoices.csv", INVOICES)
    assert land(source / "invoices.csv")[1] == CELLS
    write(source / "invoices.csv", [INVOICES[0] | {"organization_id": "x"}, *INVOICES[1:]])
    assert "names 2 organizations" in refusal(land, source / "invoices.csv")
    for unnamed in (INVOICES, INVOICES[:1]):
        bare = [row | {"organization_id": None} for row in unnamed]
        write(source / "invoices.csv", [*bare, *INVOICES[len(unnamed) :]])
        message = refusal(land, source / "invoices.csv")
        assert "does not say of every row in organization_id whose it is" in message


def test_customers_are_no_organizations(source: Path, land: Callable[..., Any]) -> None:
    write(source / "invoices.csv", INVOICES)
    customer = {"id": "c", "organization_id": ACME, "external_id": "x", "created_at": "2026-01-01"}
    write(source / "customers.csv", [customer])
    message = refusal(land, source / "invoices.csv", organizations=source / "customers.csv")
    assert "customers.csv has organization_id, so it is no table of organizations" in message


# Types


@pytest.mark.parametrize(
    "type_",
    ["timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamptz", "date", "varchar"],
)
def test_a_lost_dispute_is_one_in_every_type_of_time(
    type_: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source.parent / "text.parquet", INVOICES)
    memory().execute(
        f"copy (select * replace (cast(payment_dispute_lost_at as {type_}) as"
        f" payment_dispute_lost_at, cast(updated_at as {type_}) as updated_at)"
        f" from '{source.parent}/text.parquet') to '{source}/invoices.parquet' (format parquet)"
    )
    assert land(source)[1] == CELLS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_page": 10}, "--per-page goes with an API, and --from is a directory"),
        ({"schema": "lago"}, "--schema goes with a database, and --from is a directory"),
        ({"organizations": Path("x")}, "--organizations goes with a file of invoices"),
        ({"insecure": True}, "--insecure goes with an API"),
    ],
)
def test_an_option_that_does_not_go_with_the_source_is_refused(
    options: dict[str, Any], message: str, source: Path, land: Callable[..., Any]
) -> None:
    write(source / "invoices.csv", INVOICES)
    assert message in refusal(land, source, **options)


def test_a_whole_run_has_the_same_figures(source: Path, tmp_path: Path, harness: Harness) -> None:
    """What lands is right; this is what becomes of it."""
    rows = [row | {"_fivetran_deleted": False} for row in INVOICES]
    deleted = invoice(9, 1, "2026-02-15", "EUR", 5, _fivetran_deleted=True)
    write(source / "invoices_1.csv.zst", rows[:4], null="NULL")
    write(source / "invoices_2.csv.zst", [*rows[4:], deleted], null="NULL")
    home = Home(tmp_path / "home")
    process = harness("run", "--from", source, "--as-of", "2026-03-31", home=home)
    assert process.returncode == 0, process.stderr
    assert "9 read = 1 deleted at the source + 0 superseded + 8 raw" in process.stderr
    with (home.published / "current" / "invoice_collection.csv").open(newline="") as lines:
        names = ("month", "payment_status", "currency", "invoices_count", "amount_cents")
        found = [tuple(row[name] for name in names) for row in csv.DictReader(lines)]
    assert sorted(found) == [(*cell[:3], str(cell[3]), str(cell[4])) for cell in CELLS]

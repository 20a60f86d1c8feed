"""From a figure to its invoices: what is open, how old it is, who owes it, what is faulty."""

import csv
import io
import json
import shutil
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from conftest import CASES, Harness, published_home

from harness.collection.answers import PATH
from harness.collection.version import published
from harness.foundation.home import PROJECT, Home

QUILLFERN = "11bedd82-2ba9-473b-b755-d9bca18f55be"
NORTHWIND = "b1cb1816-7d85-457c-9f32-2a1422d00e17"
KINDS = ["sample", "lago"]


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest) -> tuple[Home, Path, date]:
    """A published home, the tables that it is of, and its as-of date."""
    home = request.getfixturevalue(f"{request.param}_home")
    if request.param == "sample":
        return home, PROJECT / "seeds" / "lago", date(2026, 6, 17)
    return home, CASES / "lago" / "raw", date(2026, 11, 15)


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(published(home).database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def file_rows(home: Home, table: str) -> list[dict[str, str]]:
    with (published(home).path / f"{table}.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


# The marts


def test_uncollected_invoices_equal_the_calculation(
    case: tuple[Home, Path, date], calculate: ModuleType
) -> None:
    home, directory, as_of = case
    expected = [(*each.cell, *each[1:]) for each in calculate.uncollected(directory, as_of)]
    assert len(expected) > 200
    assert expected == rows(
        home,
        "select organization_id, month, payment_status, currency, invoice_id, invoice_number,"
        " customer_id, external_customer_id, customer_name, payment_due_date, amount_cents,"
        " paid_amount_cents, due_amount_cents, days_past_due, aging_bucket"
        " from uncollected_invoices order by invoice_id",
    )


def test_the_ageing_equals_the_calculation(
    case: tuple[Home, Path, date], calculate: ModuleType
) -> None:
    home, directory, as_of = case
    expected: dict[tuple[str, str, str], list[int]] = {}
    for each in calculate.uncollected(directory, as_of):
        sums = expected.setdefault(
            (each.cell.organization_id, each.cell.currency, each.bucket), [0, 0]
        )
        sums[0] += 1
        sums[1] += each.due_cents
    found = rows(home, "from receivables_aging")
    assert {tuple(row[:3]): [int(row[3]), int(row[4])] for row in found} == expected
    buckets = ["not_due", "1-30", "31-60", "61-90", "over_90"]
    places = [(row[0], row[1], buckets.index(row[2])) for row in found]
    assert places == sorted(places)


def test_the_collection_by_customer_equals_the_calculation(
    lago_home: Home, calculate: ModuleType
) -> None:
    expected = calculate.by_customer(CASES / "lago" / "raw", date(2026, 11, 15))
    found = rows(
        lago_home,
        "select organization_id, month, payment_status, currency, customer_id, invoices_count,"
        " amount_cents from invoice_collection_by_customer",
    )
    assert {(tuple(row[:4]), row[4]): (row[5], row[6]) for row in found} == expected
    balances = rows(
        lago_home,
        "select organization_id, customer_id, currency, invoices_count, succeeded_amount_cents,"
        " pending_amount_cents, failed_amount_cents from customer_balances",
    )
    sums: Counter[tuple[Any, ...]] = Counter()
    for (cell, customer), (count, cents) in expected.items():
        sums[cell.organization_id, customer, cell.currency, "count"] += count
        sums[cell.organization_id, customer, cell.currency, cell.payment_status] += cents
    statuses = ("count", "succeeded", "pending", "failed")
    assert len(balances) == len({key[:3] for key in sums})
    for *key, count, succeeded, pending, failed in balances:
        found_sums = (count, int(succeeded), int(pending), int(failed))
        assert found_sums == tuple(sums[*key, status] for status in statuses), key


def test_every_data_fault_is_a_faulty_invoice_with_what_stands_there(sample_home: Home) -> None:
    faults = rows(
        sample_home,
        "select exclusion_reason, column_at_fault, value_given from faulty_invoices order by all",
    )
    # As the sample's irregular invoices were made.
    assert faults == [
        ("invalid_amount", "total_amount_cents", "12.5"),
        ("invalid_amount", "total_amount_cents", None),
        ("invalid_issuing_date", "issuing_date", "2026-02-30"),
        ("invalid_self_billed", "self_billed", "maybe"),
        ("missing_currency", "currency", None),
        ("missing_currency", "currency", None),
        ("missing_issuing_date", "issuing_date", None),
        ("unknown_currency", "currency", "XXX"),
        *[("unknown_organization", "organization_id", "6d0e1b7a-52c9-4f38-9a14-c70f2be86d35")] * 2,
        ("unknown_payment_status", "payment_status", "3"),
        ("unknown_status", "status", "9"),
    ]
    counted = sum(
        each["invoices_count"]
        for each in published(sample_home).manifest["exclusions"]
        if each["is_data_fault"]
    )
    assert len(faults) == counted


# Files beside the database


def test_files_have_names_beside_ids_and_amounts_in_units(lago_home: Home) -> None:
    names = published(lago_home).organizations()
    subunits = published(lago_home).subunits_per_unit()
    for table in ("invoice_collection", "uncollected_invoices", "receivables_aging"):
        listed = file_rows(lago_home, table)
        assert listed
        for row in listed:
            assert row["organization_name"] == names[row["organization_id"]]
            for column in row:
                if column.endswith("amount_cents") and row[column]:
                    units = Decimal(row[column]) / subunits[row["currency"]]
                    assert Decimal(row[column.removesuffix("_cents")]) == units
    with (CASES / "lago" / "raw" / "billing_entities.csv").open(newline="") as lines:
        entities = {row["id"]: row["name"] for row in csv.DictReader(lines)}
    for row in file_rows(lago_home, "invoice_collection_by_billing_entity"):
        assert row["billing_entity_name"] == entities[row["billing_entity_id"]]


def test_parquet_files_hold_the_rows_of_the_tables(lago_home: Home) -> None:
    version = published(lago_home)
    for table, count in version.manifest["rows"].items():
        file = version.path / f"{table}.parquet"
        (found,) = rows(lago_home, f"select count(*) from read_parquet('{file}')")
        assert found == (count,) == (len(file_rows(lago_home, table)),), table


def test_what_must_not_be_null_cannot_be(sample_home: Home) -> None:
    required = rows(
        sample_home,
        "select table_name, count(*) from duckdb_columns() where not is_nullable group by all",
    )
    # As in the contracts of the marts.
    assert dict(required) == {
        "invoice_collection": 6,
        "invoice_collection_by_billing_entity": 6,
        "organization_months": 2,
        "invoice_exclusions": 4,
        "uncollected_invoices": 10,
        "receivables_aging": 5,
        "faulty_invoices": 3,
    }


# The command


def test_the_invoices_of_each_figure_come_to_it(lago_home: Home, harness_here: Harness) -> None:
    cells = rows(
        lago_home,
        "select * from invoice_collection using sample reservoir(3 rows) repeatable (1)",
    )
    for organization, month, status, currency, count, cents in cells:
        process = harness_here(
            *("invoices", "--organization", organization, "--month", f"{month:%Y-%m}"),
            *("--payment-status", status, "--currency", currency, "--format", "json"),
            home=lago_home,
        )
        assert process.returncode == 0, process.stderr
        listed = json.loads(process.stdout)
        assert (len(listed), sum(each["amount_cents"] for each in listed)) == (count, cents)
        amounts = [each["amount_cents"] for each in listed]
        assert amounts == sorted(amounts, reverse=True)


def test_ten_invoices_to_chase_come_with_one_command(
    sample_home: Home, harness_here: Harness, calculate: ModuleType
) -> None:
    process = harness_here(
        *("invoices", "--payment-status", "pending", "--payment-status", "failed"),
        *("--currency", "eur", "--organization", "Quillfern Cloud GmbH", "--limit", "10"),
        home=sample_home,
    )
    assert "invented" in process.stderr
    unpaid = [
        each
        for each in calculate.uncollected(PROJECT / "seeds" / "lago", date(2026, 6, 17))
        if each.cell.currency == "EUR" and each.cell.organization_id == QUILLFERN
    ]
    largest = sorted(unpaid, key=lambda each: (-each.amount_cents, each.invoice_id))[:10]
    lines = process.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:11]] == [each.number for each in largest]
    assert f"{largest[0].amount_cents / 100:,.2f}" in lines[1]
    total = sum(each.amount_cents for each in unpaid)
    assert lines[-2:] == [
        f"... and {len(unpaid) - 10} more; --limit {len(unpaid)} shows all",
        f"{len(unpaid)} invoices, {total / 100:,.2f} EUR",
    ]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--excluded"], 204),
        (["--excluded", "unknown_organization"], 2),
        (["--excluded", "unknown_organization", "--organization", QUILLFERN], 0),
        (["--excluded", "unknown_currency", "--currency", "XXX"], 1),
    ],
)
def test_what_is_left_out_is_listed_by_reason(
    arguments: list[str], count: int, sample_home: Home, harness_here: Harness
) -> None:
    process = harness_here("invoices", *arguments, "--format", "csv", home=sample_home)
    listed = list(csv.DictReader(io.StringIO(process.stdout)))
    assert len(listed) == count
    if arguments == ["--excluded"]:
        exclusions = published(sample_home).manifest["exclusions"]
        assert Counter(each["exclusion_reason"] for each in listed) == Counter(
            {each["reason"]: each["invoices_count"] for each in exclusions}
        )


def test_a_customer_goes_by_id_external_id_or_name(
    sample_home: Home, harness_here: Harness
) -> None:
    with (PROJECT / "seeds" / "lago" / "customers.csv").open(newline="") as lines:
        customer = next(row for row in csv.DictReader(lines) if row["name"])
    listed = {
        harness_here("invoices", "--customer", customer[key], home=sample_home).stdout
        for key in ("id", "external_id", "name")
    }
    assert customer["id"] != customer["id"].upper()
    listed.add(
        harness_here("invoices", "--customer", customer["id"].upper(), home=sample_home).stdout
    )
    (text,) = listed
    assert customer["name"] in text


def test_a_name_that_several_have_is_told(lago_home: Home, harness_here: Harness) -> None:
    process = harness_here("invoices", "--billing-entity", "default", home=lago_home)
    assert process.stderr == (
        "note: these are of 2 billing entities called 'default'; an id is of one alone:"
        " 0583542f-4cd5-413d-8c6e-3438c63be5a9, 5fbd48da-8157-4056-9496-0b4de48e224b\n"
    )
    process = harness_here("invoices", "--customer", "cust_nor_0043", home=lago_home)
    assert "note: these are of 2 customers called 'cust_nor_0043'" in process.stderr
    one = "0583542F-4CD5-413D-8C6E-3438C63BE5A9"
    process = harness_here("invoices", "--billing-entity", one, home=lago_home)
    assert process.stderr == ""
    organization = harness_here(
        *("invoices", "--billing-entity", "default", "--organization", NORTHWIND.upper()),
        home=lago_home,
    )
    assert (organization.stdout, organization.stderr) == (process.stdout, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--currency", "EURO"], "'EURO' is no currency that Lago knows; give a code such as EUR"),
        (["--currency", "u\u017fd"], "is no currency that Lago knows; give a code such as EUR"),
        (["--month", "2026-13"], "'2026-13' is not a month; write it as YYYY-MM"),
        (["--excluded", "draft"], "'draft' is no reason; there is: unknown_organization,"),
        (["--organization", "x"], "there is no organization 'x'; there is: 72e2286b"),
        (["--customer", "nobody"], "there is no customer 'nobody'"),
        (["--customer", ""], "there is no customer ''"),
        (["--billing-entity", "nope"], "there is no billing entity 'nope'"),
        (["--currency", ""], "'' is no currency that Lago knows"),
        (["--excluded", "--currency", ""], "'' is no currency that Lago knows"),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    arguments: list[str], message: str, sample_home: Home, harness_here: Harness
) -> None:
    process = harness_here("invoices", *arguments, home=sample_home)
    assert process.returncode == 2
    assert message in process.stderr


def test_an_amount_that_is_not_known_is_not_told_as_nothing(
    sample_home: Home, harness_here: Harness
) -> None:
    process = harness_here("invoices", "--excluded", "invalid_amount", home=sample_home)
    assert process.stdout.splitlines()[-2:] == [
        f"1 invoice, {currency}, 1 without a valid amount" for currency in ("CAD", "EUR")
    ]


def test_a_home_may_have_any_name(sample_home: Home, harness_here: Harness, tmp_path: Path) -> None:
    home = Home(tmp_path / "it's {customers} [1] *")
    shutil.copytree(sample_home.published, home.published, symlinks=True)
    texts = {
        harness_here("invoices", "--month", "2026-05", home=each).stdout
        for each in (sample_home, home)
    }
    (text,) = texts
    assert "QFC-4B1E-027-023" in text


def test_a_list_of_nothing_has_its_columns(sample_home: Home, harness_here: Harness) -> None:
    headers = {
        harness_here("invoices", *chosen, "--format", "csv", home=sample_home).stdout.split("\n")[0]
        for chosen in (["--month", "1999-01"], ["--month", "2026-05"])
    }
    (header,) = headers
    assert header.startswith("organization_id,billing_entity_code,invoice_id,invoice_number,")


def test_a_currency_of_what_is_left_out_is_as_the_source_gives_it(
    tmp_path: Path, harness: Harness, harness_here: Harness
) -> None:
    rows_ = [
        INVOICE | {"number": "1"},
        INVOICE | {"id": "i2", "currency": "eur", "number": "2"},
        INVOICE | {"id": "i3", "status": "draft", "number": "3"},
        # Of the least amount that there is.
        INVOICE
        | {"id": "i4", "currency": "JPY", "total_amount_cents": f"{-(2**63)}"}
        | {"number": '"x\n9 invoices, 1.00 EUR\x1b[2K"'},
    ]
    lines = [",".join(row.values()) for row in rows_]
    home, _ = run_of("\n".join([",".join(rows_[0]), *lines]) + "\n", tmp_path, harness)
    listed = {
        code: harness_here("invoices", "--excluded", "--currency", code, home=home).stdout
        for code in ("eur", "EUR", "usd")
    }
    assert [each in listed["eur"] for each in ("i2", "i3")] == [True, True]
    assert [each in listed["EUR"] for each in ("i2", "i3")] == [False, True]
    assert listed["usd"] == "no invoice\n"
    least = harness_here("invoices", "--currency", "jpy", home=home).stdout.splitlines()
    assert least[-1] == "1 invoice, -9,223,372,036,854,775,808 JPY"
    # What a name holds is no line of ours, nor an order to the terminal.
    assert len(least) == 3
    assert r"x\n9 invoices, 1.00 EUR\x1b[2K" in least[1]


def test_older_versions_and_other_users_are_told_why(
    sample_home: Home, harness_here: Harness, tmp_path: Path
) -> None:
    shutil.copytree(sample_home.published, tmp_path / "published", symlinks=True)
    home = Home(tmp_path)
    kept = published(home).path / "invoices"
    assert kept.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(kept)
    process = harness_here("invoices", home=home)
    assert process.returncode == 2
    assert "lacks the invoices behind its figures, as older ones do" in process.stderr
    kept.touch()
    assert "for the user alone who loads them" in harness_here("invoices", home=home).stderr


# The API


def answer(harness: Harness, home: Home, query: str) -> tuple[int, dict[str, Any]]:
    process = harness("get", f"{PATH}?{query}", "--organization", NORTHWIND, home=home)
    return process.returncode, json.loads(process.stdout)


def test_the_api_filters_by_external_customer_id_as_lagos_sql_does(
    lago_home: Home, harness_here: Harness, calculate: ModuleType
) -> None:
    """Only the live customer of that id; one external id is a deleted and a live customer's."""
    with (CASES / "lago" / "raw" / "customers.csv").open(newline="") as lines:
        customers = [row for row in csv.DictReader(lines) if row["organization_id"] == NORTHWIND]
    uses = Counter(row["external_id"] for row in customers)
    twice = next(name for name, count in uses.items() if count > 1)
    gone = next(row["external_id"] for row in customers if row["deleted_at"])
    cells = calculate.by_customer(CASES / "lago" / "raw", date(2026, 11, 15))
    for name in {twice, gone, customers[0]["external_id"]}:
        live = [
            row["id"] for row in customers if row["external_id"] == name and not row["deleted_at"]
        ]
        code, body = answer(harness_here, lago_home, f"external_customer_id={name}")
        if not live:
            assert (code, body["code"]) == (1, "customer_not_found")
            continue
        expected = sorted(
            (f"{cell.month}", cell.payment_status, cell.currency, *sums)
            for (cell, customer), sums in cells.items()
            if customer in live
        )
        found = [
            (
                row["month"][:10],
                row["payment_status"],
                row["currency"],
                row["invoices_count"],
                row["amount_cents"],
            )
            for row in body["invoice_collections"]
            if row["invoices_count"]
        ]
        assert sorted(found) == expected
        assert len({row["month"] for row in body["invoice_collections"]}) == 40


@pytest.mark.parametrize(
    "name", ["nobody", "%00", "cust_nor%00_0001", "%ED%A0%80", "a\ud800", "a" * 3000]
)
def test_an_unknown_customer_is_not_found(
    name: str, lago_home: Home, harness_here: Harness
) -> None:
    code, body = answer(harness_here, lago_home, f"external_customer_id={name}")
    assert (code, body) == (1, {"status": 404, "error": "Not Found", "code": "customer_not_found"})


def test_a_customer_is_refused_where_that_is_not_published(
    sample_home: Home, lago_home: Home, harness_here: Harness
) -> None:
    process = harness_here(
        "get", f"{PATH}?external_customer_id=x", "--organization", QUILLFERN, home=sample_home
    )
    assert process.returncode == 1
    assert json.loads(process.stdout)["error_details"] == {
        "external_customer_id": ["not_published_by_customer"]
    }
    query = "external_customer_id=x&billing_entity_code=default"
    assert answer(harness_here, lago_home, query)[1]["error_details"] == {
        "external_customer_id": ["not_available_by_billing_entity"]
    }


# Sources without customers, and with them in other places


INVOICE = {
    "id": "i1",
    "organization_id": "o1",
    "status": "finalized",
    "payment_status": "pending",
    "issuing_date": "2026-02-05",
    "currency": "EUR",
    "total_amount_cents": "1000",
}


def run_of(
    invoices: str, tmp_path: Path, harness: Harness, name: str = "invoices.csv"
) -> tuple[Home, str]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "organizations.csv").write_text("id,name,created_at\no1,Acme,2026-01-01\n")
    (source / name).write_text(invoices)
    home = published_home(
        tmp_path / "home", harness, "--from", source, "--as-of", "2026-03-31", "--by-customer"
    )
    return home, (tmp_path / "home.said").read_text()


def test_without_its_columns_an_invoice_is_due_and_nothing_else_changes(
    tmp_path: Path, harness: Harness
) -> None:
    invoices = f"{','.join(INVOICE)}\n{','.join(INVOICE.values())}\n"
    home, said = run_of(invoices, tmp_path, harness)
    assert "lacks" in said
    assert "number, invoice_type, customer_id, payment_due_date, total_paid_amount_cents" in said
    assert "there is no table of customers: they have no names" in said
    assert rows(home, "select invoices_count, amount_cents from invoice_collection") == [(1, 1000)]
    assert rows(
        home,
        "select invoice_number, customer_id, payment_due_date, paid_amount_cents,"
        " due_amount_cents, days_past_due, aging_bucket from uncollected_invoices",
    ) == [(None, None, None, None, 1000, 0, "not_due")]


def test_due_dates_and_paid_amounts_that_are_none_are_told(
    tmp_path: Path, harness: Harness
) -> None:
    columns = {**INVOICE, "payment_due_date": "2026-02-30", "total_paid_amount_cents": "12.5"}
    others = {**columns, "id": "i2", "payment_due_date": "", "total_paid_amount_cents": ""}
    lines = [",".join(each.values()) for each in (columns, others)]
    home, said = run_of("\n".join([",".join(columns), *lines]) + "\n", tmp_path, harness)
    assert "warn  dbt: test due_dates_and_paid_amounts_are_valid: Got 1 result" in said
    assert "2026-02-30" in said
    assert rows(home, "select invoices_count, amount_cents from invoice_collection") == [(2, 2000)]
    assert (
        rows(home, "select due_amount_cents, aging_bucket from uncollected_invoices")
        == [(1000, "not_due")] * 2
    )

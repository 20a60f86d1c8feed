"""Filters, order, empty months and errors of the answers, on a collection made by hand."""

import json
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from harness.collection import contract
from harness.collection.answers import PATH, answer
from harness.collection.collection import Collection, EntityRow, Organization, Row
from harness.published.show import major_units, rows_as_csv, rows_as_json, table

JANUARY, FEBRUARY, MARCH = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)

# Nothing was collected in February; two entities share January.
NORTH = Row(JANUARY, "pending", "EUR", 1, 9007199254740993)
SOUTH = Row(JANUARY, "pending", "EUR", 2, -5)
YEN = Row(MARCH, "failed", "JPY", 1, 0)
EURO = Row(MARCH, "succeeded", "EUR", 3, 900)

ACME = Organization(
    id="acme",
    name="Acme",
    months=(JANUARY, FEBRUARY, MARCH),
    rows=(Row(JANUARY, "pending", "EUR", 3, 9007199254740988), YEN, EURO),
    entity_rows=(
        EntityRow("n-1", "north", NORTH),
        EntityRow("s-1", "south", SOUTH),
        EntityRow("s-2", "south", YEN),
        EntityRow("x-1", "shared", EURO),
        EntityRow("x-2", "shared", EURO),
    ),
    billing_entities={"north": "n-1", "south": "s-1", "idle": "i-1", "shared": None},
)
COLLECTION = Collection(
    as_of_date=date(2024, 3, 15),
    organizations={"acme": ACME},
    subunits_per_unit={"EUR": 100, "JPY": 1, "KWD": 1000, "MRO": 5},
)


def rows_of(query: str) -> list[Any]:
    response = answer(COLLECTION, ACME, f"{PATH}?{query}")
    assert response.status == 200, response.body
    body = json.loads(response.body)
    assert contract.body_violations(body) == []
    rows: list[Any] = body["invoice_collections"]
    return rows


def summary(query: str) -> list[tuple[str, str | None, int]]:
    return [
        (row["month"][:7], row.get("currency"), row["invoices_count"]) for row in rows_of(query)
    ]


ALL = [("2024-01", "EUR", 3), ("2024-02", None, 0), ("2024-03", "JPY", 1), ("2024-03", "EUR", 3)]


def test_the_keys_are_in_order_and_amounts_exact() -> None:
    body = answer(COLLECTION, ACME, PATH).body.decode()
    assert body == (
        '{"invoice_collections":['
        '{"month":"2024-01-01T00:00:00.000Z","payment_status":"pending","invoices_count":3,'
        '"amount_cents":9007199254740988,"currency":"EUR"},'
        '{"month":"2024-02-01T00:00:00.000Z","invoices_count":0,"amount_cents":0},'
        '{"month":"2024-03-01T00:00:00.000Z","payment_status":"failed","invoices_count":1,'
        '"amount_cents":0,"currency":"JPY"},'
        '{"month":"2024-03-01T00:00:00.000Z","payment_status":"succeeded","invoices_count":3,'
        '"amount_cents":900,"currency":"EUR"}]}'
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ALL),
        ("currency=&months=&billing_entity_code=", ALL),
        ("unknown=1&months[]=1", ALL),
        ("currency=EUR", [ALL[0], ALL[3]]),
        ("currency=eUr", [ALL[0], ALL[3]]),
        ("currency=KWD", []),
        ("currency=EUR&currency=", ALL),
        ("currency=JPY&currency=EUR", [ALL[0], ALL[3]]),
        ("months=2", ALL[1:]),
        ("months=02", ALL[1:]),
        ("months=3", ALL),
        ("months=4", ALL),
        ("months=999999999", ALL),
        ("months=1000000000", ALL),
        ("months=" + "9" * 5000, ALL),
        ("months=" + "0" * 5000 + "1", ALL[2:]),
        ("months=1", ALL[2:]),
        ("months=0", ALL[2:]),
        ("months=-0", ALL[2:]),
        ("months=-7", ALL[2:]),
        ("months=-" + "9" * 5000, ALL[2:]),
        ("months=1&months=2", ALL[1:]),
        ("months=2&currency=JPY", [ALL[2]]),
        ("billing_entity_code=north", [("2024-01", "EUR", 1), ALL[1], ("2024-03", None, 0)]),
        ("billing_entity_code=south", [("2024-01", "EUR", 2), ALL[1], ("2024-03", None, 0)]),
        ("billing_entity_code=idle&months=2", [ALL[1], ("2024-03", None, 0)]),
        ("billing_entity_code=idle&currency=EUR", []),
        ("billing_entity_code=shared&months=1", [("2024-03", "EUR", 6)]),
    ],
)
def test_filters(query: str, expected: list[tuple[str, str | None, int]]) -> None:
    assert summary(query) == expected


def test_a_code_that_stands_for_several_entities_has_their_sum() -> None:
    (row,) = rows_of("billing_entity_code=shared&months=1")
    assert (row["invoices_count"], row["amount_cents"]) == (6, 1800)


@pytest.mark.parametrize(
    "months",
    ["abc", "12abc", "2.9", " 3", "3 ", "+3", "-", "--3", "1e3", "٣", "3\n", "\x00", "²", "0x1"],
)
def test_months_that_are_no_integer_are_unprocessable(months: str) -> None:
    assert refusal(f"months={quote(months)}") == (422, {"months": ["value_is_invalid"]})


@pytest.mark.parametrize("currency", ["XXX", " EUR", "EUR ", "E", "eurx", "€", "JPЎ", "\x00"])
def test_unknown_currencies_are_unprocessable(currency: str) -> None:
    assert refusal(f"currency={quote(currency)}") == (422, {"currency": ["value_is_invalid"]})


def test_a_letter_that_only_upper_cases_into_a_code_is_no_currency() -> None:
    collection = Collection(COLLECTION.as_of_date, {"acme": ACME}, {"USD": 100})
    response = answer(collection, ACME, f"{PATH}?currency=u%C5%BFd")
    assert response.status == 422


def test_all_invalid_parameters_are_named() -> None:
    assert refusal("months=x&currency=y&billing_entity_code=z") == (
        422,
        {"currency": ["value_is_invalid"], "months": ["value_is_invalid"]},
    )


def refusal(query: str) -> tuple[int, object]:
    response = answer(COLLECTION, ACME, f"{PATH}?{query}")
    body = json.loads(response.body)
    assert body["error"] == "Unprocessable Entity"
    assert body["code"] == "validation_errors"
    return body["status"], body["error_details"]


@pytest.mark.parametrize("code", ["nowhere", "NORTH", "north ", "%00"])
def test_unknown_billing_entities_are_not_found(code: str) -> None:
    response = answer(COLLECTION, ACME, f"{PATH}?billing_entity_code={code}")
    assert (response.status, response.body) == (
        404,
        b'{"status":404,"error":"Not Found","code":"billing_entity_not_found"}',
    )


@pytest.mark.parametrize("path", ["", "/", PATH + "/", PATH[:-1], "/api/v1/invoices"])
def test_other_paths_are_not_found(path: str) -> None:
    response = answer(COLLECTION, ACME, path)
    assert (response.status, response.body) == (
        404,
        b'{"status":404,"error":"Not Found","code":"not_found"}',
    )


def test_an_organization_created_after_the_as_of_month_has_an_empty_report() -> None:
    late = Organization("late", None, (), (), (), {})
    for query in ("", "?months=3"):
        assert answer(COLLECTION, late, PATH + query).body == b'{"invoice_collections":[]}'


@pytest.mark.parametrize(
    ("cents", "subunits", "expected"),
    [
        (123456789, 100, "1,234,567.89"),
        (-5, 100, "-0.05"),
        (1234, 1, "1,234"),
        (1234, 1000, "1.234"),
        (12345, 10000, "1.2345"),
        (7, 5, "1.4"),
        (9223372036854775807, 100, "92,233,720,368,547,758.07"),
        (0, 100, "0.00"),
    ],
)
def test_amounts_in_major_units_are_exact(cents: int, subunits: int, expected: str) -> None:
    assert major_units(cents, subunits) == expected


def test_the_table_has_a_row_per_month_a_total_and_a_block_per_currency() -> None:
    rows = [
        Row(JANUARY, "pending", "EUR", 2, 1050),
        Row(JANUARY, "succeeded", "EUR", 5, 123456),
        Row(FEBRUARY, "failed", "EUR", 1, 200),
        Row(FEBRUARY, "succeeded", "JPY", 4, 1000),
        Row(FEBRUARY, "pending", "JPY", 1, -1200),
    ]
    both = Organization("two", "Two", (JANUARY, FEBRUARY), tuple(rows), (), {})
    assert list(table(COLLECTION, [both], 2)) == [
        "Two (two), EUR",
        "    month     pending     succeeded     failed    rate",
        "  2024-01   2   10.50   5  1,234.56   0   0.00   99.2%",
        "  2024-02   0    0.00   0      0.00   1   2.00    0.0%",
        "    total   2   10.50   5  1,234.56   1   2.00   99.0%",
        "",
        "Two (two), JPY",
        "    month     pending     succeeded     failed   rate",
        "  2024-01   0       0   0         0   0      0",
        "  2024-02   1  -1,200   4     1,000   0      0",
        "    total   1  -1,200   4     1,000   0      0",
        "",
    ]


def test_the_table_of_one_month_has_no_total() -> None:
    assert not [line for line in table(COLLECTION, [ACME], 1) if "total" in line]


def test_the_rows_of_the_table_come_as_csv_and_json() -> None:
    assert rows_as_csv([ACME], 1, "EUR") == (
        "organization_id,month,payment_status,currency,invoices_count,amount_cents\n"
        "acme,2024-03-01,succeeded,EUR,3,900\n"
    )
    assert rows_as_json(COLLECTION, [ACME], 1, "EUR") == {
        "as_of_date": COLLECTION.as_of_date.isoformat(),
        "rows": [
            {
                "organization_id": "acme",
                "month": "2024-03-01",
                "payment_status": "succeeded",
                "currency": "EUR",
                "invoices_count": 3,
                "amount_cents": 900,
            }
        ],
    }


def test_the_table_can_be_of_one_currency() -> None:
    titles = [line for line in table(COLLECTION, [ACME], 1, "JPY") if "Acme" in line]
    assert titles == ["Acme (acme), JPY"]
    (title, *_) = table(COLLECTION, [ACME], 1, "KWD")
    assert title == "Acme (acme): no collected invoices in KWD"


def test_the_table_of_an_organization_without_invoices_says_so() -> None:
    late = Organization("late", None, (JANUARY,), (), (), {})
    assert list(table(COLLECTION, [late], 12)) == ["Organization (late): no collected invoices", ""]

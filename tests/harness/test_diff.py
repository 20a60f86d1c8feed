"""The published collection against Lago's answers: saved ones, and those of a live Lago."""

import gzip
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import CASES, Harness
from lago_stub import KEY, Lago, running

from harness.collection.version import published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.published.diff import KEY as KEY_OF_ROWS
from harness.published.diff import Diff, diff, saved_answer
from harness.sources.lago_api import Api

NORTHWIND = "b1cb1816-7d85-457c-9f32-2a1422d00e17"


def lago_rows(organization: str = NORTHWIND) -> list[dict[str, Any]]:
    """Lago's whole report: amounts as doubles, and nulls in a month without invoices."""
    with gzip.open(CASES / "lago" / "expected.ndjson.gz", "rt") as lines:
        cases = [json.loads(line) for line in lines]
    (case,) = (
        case
        for case in cases
        if case["organization_id"] == organization
        and case["as_of"] == "2026-11-15"
        and not case["http_params"]
    )
    return [
        {
            "month": f"{month}T00:00:00.000Z",
            "payment_status": status,
            "invoices_count": count,
            "amount_cents": None if cents is None else float(cents),
            "currency": currency,
        }
        for month, status, currency, count, cents in case["rows"]
    ]


def compared(home: Home, file: Path, rows: list[dict[str, Any]]) -> Diff:
    file.write_text(json.dumps({"invoice_collections": rows}))
    collection = published(home).collection()
    return diff(collection, collection.organizations[NORTHWIND], saved_answer(file), str(file))


def compared_live(home: Home, lago: Lago, rows: list[dict[str, Any]]) -> Diff:
    lago.collection = {"invoice_collections": rows}
    owner, body = Api.at(lago.url, 100, False).answer("analytics/invoice_collection", KEY_OF_ROWS)
    collection = published(home).collection()
    return diff(collection, collection.organizations[owner], body, lago.url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answer.json"


@pytest.fixture
def lago(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lago]:
    monkeypatch.setenv("LAGO_API_KEY", KEY)
    with running(Lago({"lago_id": NORTHWIND}, [], [])) as lago:
        lago.collection = {"invoice_collections": lago_rows()}
        yield lago


def test_lago_is_equal_with_doubles_and_empty_months(lago_home: Home, file: Path) -> None:
    rows = lago_rows()
    assert any(row["currency"] is None for row in rows)
    assert any((row["amount_cents"] or 0) > 2**53 for row in rows)
    found = compared(lago_home, file, rows)
    assert found.equal
    assert (found.first_month, found.last_month) == ("2023-08", "2026-11")
    report = found.as_json()
    assert report["missing"] == report["unexpected"] == report["different"] == []


def test_a_few_months_are_compared_with_the_same_months(lago_home: Home, file: Path) -> None:
    rows = [row for row in lago_rows() if row["month"] >= "2026-10"]
    found = compared(lago_home, file, rows)
    assert found.equal
    assert (found.first_month, found.last_month) == ("2026-10", "2026-11")
    others = [row for row in lago_rows() if row["month"] < "2026-10" and row["currency"]]
    assert len(others) > 500
    assert found.as_json()["rows_of_other_months"] == len(others)
    assert list(found.as_text())[-2] == f"not compared: {len(others):,} rows here of other months"


def test_every_difference_is_named_with_both_values(lago_home: Home, file: Path) -> None:
    rows = [row for row in lago_rows() if row["currency"]]
    lacking = rows.pop(7)
    rows[3]["amount_cents"] += 100
    rows[4]["invoices_count"] -= 1
    extra = rows[5] | {"currency": "XAF", "invoices_count": 2, "amount_cents": 12.5}
    found = compared(lago_home, file, [*rows, extra])
    report = found.as_json()
    assert not found.equal
    (missing,) = report["missing"]
    assert missing["currency"] == "XAF"
    assert missing["here"] is None
    assert missing["difference"] == {"invoices_count": -2, "amount_cents": -12.5}
    (unexpected,) = report["unexpected"]
    assert unexpected["here"]["amount_cents"] == lacking["amount_cents"]
    assert unexpected["month"] == lacking["month"][:7]
    differences = {
        (row["difference"]["invoices_count"], row["difference"]["amount_cents"])
        for row in report["different"]
    }
    assert differences == {(0, -100), (1, 0)}
    by_currency = {row["currency"]: row for row in report["currencies"]}
    assert by_currency["XAF"]["missing"] == 1
    assert by_currency["XAF"]["amount_cents_difference"] == -12.5
    assert sum(row["unexpected"] for row in by_currency.values()) == 1
    assert sum(row["different"] for row in by_currency.values()) == 2
    text = "\n".join(found.as_text())
    assert "missing     " in text
    assert "count -, 2, -2  cents -, 12.5, -12.5" in text
    assert text.endswith("there are differences")


def test_the_double_beside_the_nearest_differs(lago_home: Home, file: Path) -> None:
    rows = lago_rows()
    big = max(rows, key=lambda row: row["amount_cents"] or 0)
    big["amount_cents"] *= 1 + 2**-52
    (row,) = compared(lago_home, file, rows).as_json()["different"]
    assert row["difference"]["amount_cents"] < 0


def test_row_without_currency_is_missing(lago_home: Home, file: Path) -> None:
    row = lago_rows()[0] | {"currency": None, "invoices_count": 3, "amount_cents": 5.0}
    row["payment_status"] = "failed"
    report = compared(lago_home, file, [*lago_rows(), row]).as_json()
    assert [each["currency"] for each in report["missing"]] == [None]


ROW = {
    "month": "2026-01-01T00:00:00.000Z",
    "payment_status": "failed",
    "invoices_count": 1,
    "amount_cents": 100.0,
    "currency": "EUR",
}


@pytest.mark.parametrize(
    "odd",
    [
        *({"invoices_count": value} for value in (3.9, "3", True, None, [3], 1e-9, 1e300)),
        *({"amount_cents": value} for value in ("100", "100.0", False, None, [1], 1e40)),
        {"currency": ["EUR"]},
        {"currency": 978},
        {"payment_status": 1},
        {"month": 20260101},
        # No empty month: something is said of it.
        {"payment_status": None, "invoices_count": None},
        {"payment_status": None, "invoices_count": False, "amount_cents": None},
        {"payment_status": None, "invoices_count": 0, "amount_cents": "0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("live", [False, True], ids=["saved", "live"])
def test_value_that_is_no_figure_is_an_error(
    lago_home: Home, file: Path, lago: Lago, odd: dict[str, Any], live: bool
) -> None:
    rows = [*lago_rows()[:5], ROW | odd]
    compare = (
        partial(compared_live, lago_home, lago) if live else partial(compared, lago_home, file)
    )
    with pytest.raises(HarnessError, match=r"has a row without (figures|a month)"):
        compare(rows)


def test_count_that_is_written_as_a_double_is_the_integer(
    lago_home: Home, file: Path, lago: Lago
) -> None:
    rows = lago_rows()
    for row in rows:
        if row["invoices_count"]:
            row["invoices_count"] = float(row["invoices_count"])
    assert compared(lago_home, file, rows).equal
    assert compared_live(lago_home, lago, rows).equal
    rows[-1]["invoices_count"] += 1
    for found in (compared(lago_home, file, rows), compared_live(lago_home, lago, rows)):
        (row,) = found.as_json()["different"]
        assert row["difference"] == {"invoices_count": -1, "amount_cents": 0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be loaded"),
        ('{"error": "Unauthorized"}', "is no API response with `invoice_collections`"),
        ('{"invoice_collections": [{"month": "soon"}]}', "without a month"),
        ('{"invoice_collections": [{"month": "2026-01-01", "invoices_count": 1}]}', "figures"),
        (
            '{"invoice_collections": [{"month": "2026-01-01", "payment_status": "failed",'
            '"currency": "EUR", "invoices_count": 1, "amount_cents": NaN}]}',
            "without figures",
        ),
    ],
)
def test_file_that_is_no_answer_is_refused(
    lago_home: Home, file: Path, text: str, words: str
) -> None:
    file.write_text(text)
    collection = published(lago_home).collection()
    with pytest.raises(HarnessError, match=words):
        diff(collection, collection.organizations[NORTHWIND], saved_answer(file), str(file))


def test_row_that_is_there_twice_is_refused(lago_home: Home, file: Path) -> None:
    rows = [row for row in lago_rows() if row["currency"]]
    with pytest.raises(HarnessError, match="has two rows of"):
        compared(lago_home, file, [*rows, rows[0]])


def test_live_lago(lago_home: Home, lago: Lago, harness: Harness) -> None:
    lago.faults = ["slow", "500"]
    command = ["diff", "--against", lago.url, "--fail-on-diff"]
    process = harness(*command, home=lago_home)
    assert process.returncode == 0, process.stderr
    assert process.stdout.endswith("all rows are equal\n")
    lago.collection["invoice_collections"].pop()
    process = harness(*command, "--format", "json", home=lago_home)
    assert process.returncode == 1
    assert json.loads(process.stdout)["equal"] is False
    assert harness("diff", "--against", lago.url, home=lago_home).returncode == 0
    process = harness(*command, "--organization", "another", home=lago_home)
    assert process.returncode == 2
    assert f"the key is of the organization {NORTHWIND}" in process.stderr
    lago.faults = ["slow", "403"]
    process = harness(*command, home=lago_home)
    assert process.returncode == 2
    assert "the status 403; Lago's analytics are a premium feature, and the key" in process.stderr
    assert "planted" not in process.stderr


def test_either_a_file_or_a_lago(lago_home: Home, harness: Harness) -> None:
    for arguments in ((), ("answer.json", "--against", "https://lago.example.com")):
        process = harness("diff", *arguments, home=lago_home)
        assert process.returncode == 2
        assert "either a FILE or --against" in process.stderr

"""The answers against those of Lago's own SQL (tests/cases/lago/README.md)."""

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest
from conftest import CASES, Harness, published_home

from harness.build.building import build
from harness.check.checking import check
from harness.collection.answers import PATH, Answer, answer
from harness.collection.collection import Collection
from harness.collection.version import published
from harness.foundation.home import Home
from harness.load.loading import current_load, load
from harness.published.publishing import publish

Case = dict[str, Any]

AS_OF = "2026-11-15"
BEFORE_ALL = "2023-07-31"
"""No organization was created yet."""
SANDBOX = "5bb7fb0f-d8d9-415b-8725-460b8ce504db"

# Where this project answers differently on purpose, by the end of the case's name.
UNPROCESSABLE = {
    "currency-unknown-XXX": "currency",
    "currency-padded": "currency",
    "months-text": "months",
    "months-text-prefix": "months",
    "months-decimal": "months",
}
NOT_FOUND = {"entity-unknown", "entity-of-other-organization", "entity-deleted-removed"}


@pytest.fixture(scope="module")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Lago's tables, loaded, to be built as of one date after the other."""
    home = Home(tmp_path_factory.mktemp("parity"))
    load(home, CASES / "lago" / "raw", warn=lambda warning: None)
    return home


def cases() -> Iterator[Case]:
    with gzip.open(CASES / "lago" / "expected.ndjson.gz", "rt") as lines:
        yield from map(json.loads, lines)


def expected_body(case: Case) -> object:
    name = case["id"].partition("__")[2]
    if parameter := UNPROCESSABLE.get(name):
        return {
            "status": 422,
            "error": "Unprocessable Entity",
            "code": "validation_errors",
            "error_details": {parameter: ["value_is_invalid"]},
        }
    if name in NOT_FOUND:
        return {"status": 404, "error": "Not Found", "code": "billing_entity_not_found"}
    rows = []
    for month, payment_status, currency, count, cents in case["rows"]:
        stamp = f"{month}T00:00:00.000Z"
        if count == 0:
            rows.append({"month": stamp, "invoices_count": 0, "amount_cents": 0})
        elif currency is not None:
            rows.append(
                {
                    "month": stamp,
                    "payment_status": payment_status,
                    "invoices_count": count,
                    "amount_cents": cents,
                    "currency": currency,
                }
            )
    return {"invoice_collections": rows}


def answered(collection: Collection, case: Case) -> Answer:
    organization = collection.organizations[case["organization_id"]]
    return answer(collection, organization, f"{PATH}?{urlencode(case['http_params'])}")


def differing(collection: Collection, chosen: list[Case]) -> list[str]:
    assert chosen
    return [
        case["id"]
        for case in chosen
        if json.loads(answered(collection, case).body) != expected_body(case)
    ]


def test_all_cases_are_there() -> None:
    names = [case["id"] for case in cases()]
    assert len(names) == len(set(names)) == 111


def test_every_case_from_tables_equals_lago(lago_home: Home) -> None:
    collection = published(lago_home).collection()
    assert not differing(collection, [case for case in cases() if case["as_of"] == AS_OF])


def test_every_sandbox_case_from_api_responses_equals_lago(api_home: Home) -> None:
    collection = published(api_home).collection()
    chosen = [
        case for case in cases() if case["as_of"] == AS_OF and case["organization_id"] == SANDBOX
    ]
    assert not differing(collection, chosen)


@pytest.mark.parametrize("as_of", sorted({case["as_of"] for case in cases()} - {AS_OF}), ids=str)
def test_every_case_with_another_as_of_date_equals_lago(
    as_of: str, loaded_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    if as_of != BEFORE_ALL:
        monkeypatch.setenv("LAGO_TESTS_MODELS_ALONE", "1")
    with loaded_home.locked() as lock:
        built = build(loaded_home, date.fromisoformat(as_of), lock)
    report = check(loaded_home)
    chosen = [case for case in cases() if case["as_of"] == as_of]
    if as_of == BEFORE_ALL:
        # Lago's report is empty; here an empty one is not published where there are invoices.
        assert not any(case["rows"] for case in chosen)
        assert report.failed
        return
    assert built.succeeded
    assert report.passed
    collection = publish(loaded_home).collection()
    assert not differing(collection, chosen)


# As other tools would have exported the same tables: with a time zone, in parts, in upper case.
TIMES = ("created_at", "archived_at", "deleted_at", "payment_dispute_lost_at", "updated_at")
# dbt starts as ever here, since a fork would keep the locale that it was imported in.
ABROAD = {
    "TZ": "America/Los_Angeles",
    **dict.fromkeys(("LC_ALL", "LANG"), "tr_TR.UTF-8"),
    "LAGO_TESTS_DBT": "",
}
EXPORTS = {
    "time zones, parts and upper case": {
        "organizations": ["organizations.parquet"],
        "billing_entities": ["billing_entities.parquet"],
        "invoices": [f"invoices/part-0000{part}.parquet" for part in range(3)],
    },
    "JSON and zstd": {
        "organizations": ["organizations.json"],
        "billing_entities": ["billing_entities.csv.zst"],
        "invoices": [f"invoices-00000000000{part}.ndjson.zst" for part in range(3)],
    },
}


def export(directory: Path, files: dict[str, list[str]]) -> None:
    """Write Lago's tables anew, each to its files."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'America/Los_Angeles'")
        for table, parts in files.items():
            (original,) = (CASES / "lago" / "raw").glob(f"{table}.csv*")
            rows = f"read_csv('{original}', all_varchar = true, allow_quoted_nulls = false)"
            names = [name for name, *_ in connection.execute(f"describe from {rows}").fetchall()]
            for at, part in enumerate(parts):
                file = directory / part
                file.parent.mkdir(parents=True, exist_ok=True)
                if ".parquet" in part:
                    chosen = ", ".join(
                        f"cast({name} || '+00' as timestamptz) as {name.upper()}"
                        if name in TIMES
                        else f"{name} as {name.upper()}"
                        for name in names
                    )
                    form = "format parquet"
                else:
                    chosen = "*"
                    packed = ", compression zstd" if part.endswith(".zst") else ""
                    form = f"format {'csv, header' if '.csv' in part else 'json'}{packed}"
                connection.execute(
                    f"copy (select {chosen} from {rows} where hash(id) % {len(parts)} = {at})"
                    f" to '{file}' ({form})"
                )


@pytest.mark.parametrize("name", EXPORTS)
def test_every_case_from_other_exports_equals_lago(
    name: str, lago_home: Home, tmp_path: Path, harness: Harness
) -> None:
    export(tmp_path / "export", EXPORTS[name])
    given = ("--from", tmp_path / "export", "--as-of", AS_OF)
    around = ABROAD if "zones" in name else {"LAGO_TESTS_MODELS_ALONE": "1"}
    home = published_home(tmp_path / "status=1" / "it's {a} [1]", harness, *given, **around)
    assert current_load(home).raw == 20_025
    collection = published(home).collection()
    assert not differing(collection, [case for case in cases() if case["as_of"] == AS_OF])
    for id_, organization in published(lago_home).collection().organizations.items():
        asked = harness("get", PATH, "--organization", id_, home=home, **around)
        expected = answer(published(lago_home).collection(), organization, PATH).body
        assert asked.stdout.encode() == expected + b"\n"

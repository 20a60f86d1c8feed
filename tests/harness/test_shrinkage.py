"""Nothing shrinks unseen: a build against the version that is published."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from conftest import Harness, published_home

from harness.check.shrinkage import shrinkage_findings, shrunken
from harness.collection.version import published
from harness.foundation.home import Home

NORTHWIND = "b1cb1816-7d85-457c-9f32-2a1422d00e17"
HEADER = "id,organization_id,status,payment_status,issuing_date,currency,total_amount_cents\n"


MARCH = date(2026, 3, 31)


def by_month(*counts: int, first: int = 1) -> dict[date, int]:
    """So many collected invoices in each month of 2026 from the first."""
    return {date(2026, first + number, 1): count for number, count in enumerate(counts)}


@pytest.mark.parametrize(
    ("had", "has", "too_little"),
    [
        *((20_025, 199, True), (1000, 899, True), (1000, 900, False), (100, 94, False)),
        *((60, 53, True), (55, 50, False), (50, 44, True), (50, 45, False)),
        *((12, 6, True), (10, 5, False), (10, 4, True), (5, 1, True), (5, 3, False)),
        *((2, 1, False), (1, 0, True), (0, 0, False), (7, 700, False)),
    ],
)
def test_more_than_a_tenth_and_five_or_more_than_half_is_too_little(
    had: int, has: int, too_little: bool
) -> None:
    row = shrunken(by_month(had), by_month(has), MARCH)
    assert (row is not None) == too_little
    if row:
        assert (row["published_invoices_count"], row["invoices_count"]) == (had, has)


def test_only_months_that_both_cover_are_compared() -> None:
    earlier = by_month(10, 10, 10)
    assert shrunken(earlier, by_month(10, 10), date(2026, 2, 3)) is None
    row = shrunken(earlier, by_month(2, 10), date(2026, 2, 3))
    assert row
    assert (row["published_invoices_count"], row["invoices_count"]) == (20, 12)
    # What comes later makes up for nothing.
    assert shrunken(by_month(10), by_month(1, 90), MARCH)


def test_months_before_a_first_month_that_has_moved_are_gone() -> None:
    assert shrunken(by_month(9, 9, 9), by_month(9, first=3), MARCH)
    # Whoever begins after the as-of month has no months, and has not vanished.
    row = shrunken(by_month(9), {}, MARCH)
    assert row
    assert row["invoices_count"] == 0


def test_an_organization_that_vanishes_had_to_have_something() -> None:
    assert shrunken(by_month(0, 0), None, MARCH) is None
    row = shrunken(by_month(0, 1), None, MARCH)
    assert row
    assert (row["published_invoices_count"], row["invoices_count"]) == (1, None)


def test_a_smaller_export_is_refused_until_it_is_allowed(
    tmp_path: Path, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAGO_TESTS_MODELS_ALONE", "1")
    for name, count in (("whole", 5), ("delta", 1), ("nothing", 0)):
        (tmp_path / name).mkdir()
        organizations = "id,name,created_at\no,Acme GmbH,2026-01-10 09:00:00\n"
        (tmp_path / name / "organizations.csv").write_text(organizations)
        invoices = [f"{i},o,finalized,pending,2026-02-0{i},EUR,100\n" for i in range(1, count + 1)]
        (tmp_path / name / "invoices.csv").write_text(HEADER + "".join(invoices))
    as_of = ("--as-of", "2026-03-31")
    home = published_home(tmp_path / "home", harness, "--from", tmp_path / "whole", *as_of)
    version = published(home).path

    process = harness("run", "--from", tmp_path / "delta", *as_of, home=home)
    assert process.returncode == 1
    assert (
        "FAIL  earlier version: o: Acme GmbH (o) has shrunk: 1 collected invoice now, 5 in the"
        " published version in the same months; --allow-shrink lets it pass"
    ) in process.stderr
    assert "1 finding keeps this build from being published" in process.stderr
    assert published(home).path == version
    assert harness("load", "--from", tmp_path / "nothing", home=home).returncode == 0
    assert harness("build", *as_of, home=home).returncode == 0
    process = harness("check", home=home)
    assert process.returncode == 1
    assert "has shrunk: 0 collected invoices now, 5 in" in process.stdout
    process = harness("check", "--allow-shrink", home=home)
    assert process.returncode == 0
    assert "warn  earlier version: o: Acme GmbH (o) has shrunk" in process.stdout
    assert harness("publish", home=home).returncode == 0


@pytest.fixture
def lago(lago_home: Home, tmp_path: Path) -> Home:
    """A copy of what is published of Lago's tables."""
    home = Home(tmp_path / "home")
    shutil.copytree(lago_home.published, home.published, symlinks=True)
    return home


@pytest.fixture
def built(lago_home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The build that was published so, to be changed in memory alone."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{lago_home.scratch}/collection.duckdb' as built (read_only)")
        for table in ("stg_lago__organizations", "organization_months", "invoice_collection"):
            connection.execute(f"create table {table} as from built.{table}")
        yield connection


def test_the_same_figures_have_not_shrunk(lago: Home, built: duckdb.DuckDBPyConnection) -> None:
    as_of = date(2026, 11, 15)
    assert [each.status for each in shrinkage_findings(lago, built, as_of, False)] == ["pass"]
    for table in ("stg_lago__organizations", "organization_months", "invoice_collection"):
        built.execute(f"delete from {table} where organization_id = '{NORTHWIND}'")
    (finding,) = shrinkage_findings(lago, built, as_of, False)
    assert finding.status == "fail"
    assert "Northwind Metering GmbH" in finding.message
    assert "vanished" in finding.message


def test_the_published_sample_is_never_compared_with(
    lago: Home, built: duckdb.DuckDBPyConnection
) -> None:
    manifest = published(lago).path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"source": "sample"}))
    built.execute("delete from invoice_collection")
    assert list(shrinkage_findings(lago, built, MARCH, False)) == []


@pytest.mark.parametrize("how", ["gone", "dangling"])
def test_where_the_current_version_is_gone_the_newest_that_is_kept_is_compared_with(
    how: str, lago: Home, built: duckdb.DuckDBPyConnection
) -> None:
    link = lago.published / "current"
    link.unlink()
    if how == "dangling":
        link.symlink_to("20990101T000000Z-00000000")
    built.execute("delete from invoice_collection")
    findings = list(shrinkage_findings(lago, built, MARCH, False))
    assert {each.status for each in findings} == {"fail"}


def test_nothing_published_is_nothing_to_compare_with(
    tmp_path: Path, built: duckdb.DuckDBPyConnection
) -> None:
    assert list(shrinkage_findings(Home(tmp_path), built, MARCH, False)) == []


@pytest.mark.parametrize("broken", ["manifest.json", "invoice_collection.duckdb"])
@pytest.mark.parametrize(("allowed", "status"), [(False, "fail"), (True, "warn")])
def test_a_published_version_that_cannot_be_read_is_named(
    broken: str, allowed: bool, status: str, lago: Home, built: duckdb.DuckDBPyConnection
) -> None:
    (published(lago).path / broken).write_text("{")
    (finding,) = shrinkage_findings(lago, built, MARCH, allowed)
    assert finding.status == status
    assert "cannot be compared with" in finding.message
    assert str(lago.published) in finding.message

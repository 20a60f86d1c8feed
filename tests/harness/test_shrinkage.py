"""Nothing shrinks unseen: a build against the version that is published."""

import dataclasses
import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from conftest import Harness, published_home

from harness.check.shrinkage import shrinkage_findings, shrunken
from harness.collection.collection import Collection, Organization, Row, published
from harness.foundation.home import Home

HEADER = "id,organization_id,status,payment_status,issuing_date,currency,total_amount_cents\n"


def organization(*counts: int, id_: str = "o", first: int = 1) -> Organization:
    """An organization with so many collected invoices in each month of 2026 from the first."""
    months = tuple(date(2026, first + number, 1) for number in range(len(counts)))
    rows = tuple(
        Row(month, "pending", "EUR", count, count)
        for month, count in zip(months, counts, strict=True)
        if count
    )
    return Organization(id_, "Acme", months, rows, (), {})


def collection(*organizations: Organization, as_of: date = date(2026, 3, 31)) -> Collection:
    return Collection(as_of, {each.id: each for each in organizations}, {"EUR": 100})


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
    row = shrunken(organization(had), collection(organization(has)))
    assert (row is not None) == too_little
    if row:
        assert (row["published_invoices_count"], row["invoices_count"]) == (had, has)


def test_only_months_that_both_cover_are_compared() -> None:
    earlier = organization(10, 10, 10)
    assert shrunken(earlier, collection(organization(10, 10), as_of=date(2026, 2, 3))) is None
    row = shrunken(earlier, collection(organization(2, 10), as_of=date(2026, 2, 3)))
    assert row
    assert (row["published_invoices_count"], row["invoices_count"]) == (20, 12)
    # What comes later makes up for nothing.
    assert shrunken(organization(10), collection(organization(1, 90)))


def test_months_before_a_first_month_that_has_moved_are_gone() -> None:
    assert shrunken(organization(9, 9, 9), collection(organization(9, first=3)))


def test_an_organization_that_vanishes_had_to_have_something() -> None:
    others = collection(organization(3, id_="other"))
    assert shrunken(organization(0, 0), others) is None
    row = shrunken(organization(0, 1), others)
    assert row
    assert (row["published_invoices_count"], row["invoices_count"]) == (1, None)


def test_a_smaller_export_is_refused_until_it_is_allowed(tmp_path: Path, harness: Harness) -> None:
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


def test_the_same_figures_have_not_shrunk(lago: Home) -> None:
    now = published(lago).collection()
    assert [each.status for each in shrinkage_findings(lago, now, False)] == ["pass"]
    fewer = dataclasses.replace(now, organizations=dict(list(now.organizations.items())[:-1]))
    (finding,) = shrinkage_findings(lago, fewer, False)
    assert finding.status == "fail"
    assert "vanished" in finding.message


def test_the_published_sample_is_never_compared_with(lago: Home) -> None:
    manifest = published(lago).path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"source": "sample"}))
    assert list(shrinkage_findings(lago, collection(), False)) == []


def test_nothing_published_is_nothing_to_compare_with(tmp_path: Path) -> None:
    assert list(shrinkage_findings(Home(tmp_path), collection(), False)) == []


@pytest.mark.parametrize("broken", ["manifest.json", "invoice_collection.duckdb"])
@pytest.mark.parametrize(("allowed", "status"), [(False, "fail"), (True, "warn")])
def test_a_published_version_that_cannot_be_read_is_named(
    broken: str, allowed: bool, status: str, lago: Home
) -> None:
    (published(lago).path / broken).write_text("{")
    (finding,) = shrinkage_findings(lago, collection(), allowed)
    assert finding.status == status
    assert "cannot be compared with" in finding.message
    assert str(lago.published) in finding.message

"""The kept versions, and the way back to one."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from conftest import CASES, Harness, copied

from harness.cli.printing import echo_columns
from harness.collection.version import published
from harness.foundation.home import Home
from harness.published.kept import FLUSH_RIGHT, lines_of_versions

OLD, OLDER = "20200102T000000Z-00000000", "20200101T000000Z-00000000"


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    """The sample, published three times."""
    home = copied(sample_home, tmp_path / "home")
    for name in (OLD, OLDER):
        shutil.copytree(published(home).path, home.published / name)
    (home.published / "archive").mkdir()
    return home


def current(home: Home) -> str:
    return (home.published / "current").readlink().name


def test_versions_are_listed_with_their_figures(home: Home, harness_here: Harness) -> None:
    listed = json.loads(harness_here("versions", "--format", "json", home=home).stdout)
    assert [each["version"] for each in listed] == [OLDER, OLD, current(home)]
    assert [each["current"] for each in listed] == [False, False, True]
    sums: dict[str, list[int]] = {}
    with (CASES / "sample.csv").open() as file:
        for row in csv.DictReader(file):
            total = sums.setdefault(row["currency"], [0, 0])
            total[0] += int(row["invoices_count"])
            total[1] += int(row["amount_cents"])
    for each in listed:
        assert (each["as_of_date"], each["source"]) == ("2026-06-17", "sample")
        assert {
            total["currency"]: [total["invoices_count"], int(total["amount_cents"])]
            for total in each["sums"]
        } == sums
    text = harness_here("versions", home=home).stdout.splitlines()
    assert len(text) == 1 + 3 * len(sums)
    assert [line.split()[1] for line in text if line.startswith("*")] == [current(home)]


def test_the_list_of_versions_has_amounts_in_units_of_the_currency(
    capsys: pytest.CaptureFixture[str],
) -> None:
    total = {
        "currency": "JPY",
        "invoices_count": 1234,
        "amount_cents": "-5",
        "subunits_per_unit": 1,
    }
    known = {"as_of_date": "2026-06-17", "published_at": "now", "source": "x", "current": False}
    euros = total | {"currency": "EUR", "subunits_per_unit": 100}
    versions = [
        {"version": "a", "sums": [euros, total]} | known,
        {"version": "b", "sums": []} | known | {"current": True},
        {"version": "c", "current": False, "unreadable": "why"},
    ]
    echo_columns(lines_of_versions(versions), FLUSH_RIGHT)
    assert capsys.readouterr().out.splitlines() == [
        "   version  as of       published  invoices       amount  source",
        "   a        2026-06-17  now           1,234  EUR   -0.05  x",
        "                                      1,234  JPY      -5",
        "*  b        2026-06-17  now               0               x",
        "   c                                                      cannot be read: why",
    ]


def test_rollback_goes_to_the_version_before_and_then_to_none(
    home: Home, harness_here: Harness
) -> None:
    newest = current(home)
    for earlier, before in ((OLD, newest), (OLDER, OLD)):
        process = harness_here("rollback", home=home)
        assert process.returncode == 0, process.stderr
        assert process.stdout == f"{earlier}, as of 2026-06-17, is current; it was {before}\n"
        assert current(home) == earlier
    process = harness_here("rollback", home=home)
    assert (process.returncode, process.stdout) == (2, "")
    assert "no version is older" in process.stderr
    assert harness_here("rollback", newest, home=home).returncode == 0
    assert current(home) == newest
    assert {path.name for path in home.published.iterdir()} >= {OLD, OLDER, newest, "archive"}


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("archive", "there is no version 'archive'"),
        ("../raw", "there is no version"),
        ("", "there is no version ''"),
        (None, "is the"),
    ],
)
def test_rollback_to_what_is_no_other_version_is_refused(
    version: str | None, words: str, home: Home, harness_here: Harness
) -> None:
    before = current(home)
    asked = before if version is None else version
    process = harness_here("rollback", asked, home=home)
    assert process.returncode == 2
    assert words in process.stderr
    assert current(home) == before


@pytest.mark.parametrize("how", ["gone", "dangling"])
def test_what_is_kept_is_gone_back_to_where_there_is_no_current_version(
    how: str, home: Home, harness_here: Harness
) -> None:
    newest = current(home)
    link = home.published / "current"
    link.unlink()
    if how == "dangling":
        link.symlink_to("20990101T000000Z-00000000")
    listed = json.loads(harness_here("versions", "--format", "json", home=home).stdout)
    assert [each["current"] for each in listed] == [False, False, False]
    process = harness_here("rollback", home=home)
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{newest}, as of 2026-06-17, is current; none was\n"
    assert current(home) == newest


@pytest.mark.parametrize("damage", ["manifest.json", "invoice_collection.duckdb"])
def test_a_version_that_cannot_be_read_is_listed_so_and_not_gone_back_to(
    damage: str, home: Home, harness_here: Harness
) -> None:
    (home.published / OLD / damage).write_text("{}")
    before = current(home)
    listed = json.loads(harness_here("versions", "--format", "json", home=home).stdout)
    assert [each["version"] for each in listed if "unreadable" in each] == [OLD]
    process = harness_here("rollback", home=home)
    assert process.returncode == 2
    assert f"{OLD} cannot be read" in process.stderr
    assert f"{before} stays" in process.stderr
    assert current(home) == before


def test_where_nothing_is_published_there_is_no_way_back(
    tmp_path: Path, harness_here: Harness
) -> None:
    home = Home(tmp_path / "home")
    assert harness_here("versions", home=home).stdout == ""
    process = harness_here("rollback", home=home)
    assert process.returncode == 2
    assert "nothing is published" in process.stderr

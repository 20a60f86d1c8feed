"""Nothing wrong without a word: what shrinks, what is replaced, what no figure would show."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest
from conftest import Harness

from harness.foundation.home import Home, write_json

NORTHWIND = "b1cb1816"
HEADER = (
    "id,organization_id,status,payment_status,issuing_date,currency,total_amount_cents,"
    "self_billed,payment_dispute_lost_at,updated_at\n"
)
AS_OF = "2026-03-31"


def write_source(directory: Path, *invoices: str) -> Path:
    """One organization, Acme, with invoices given as id, date, currency, cents and the rest."""
    directory.mkdir(exist_ok=True)
    (directory / "organizations.csv").write_text("id,name,created_at\no,Acme,2026-01-10 09:00:00\n")
    rows = []
    for invoice in invoices:
        id_, date, currency, cents, *more = f"{invoice},,,".split(",")
        rows.append(f"{id_},o,finalized,succeeded,{date},{currency},{cents},{','.join(more[:3])}\n")
    (directory / "invoices.csv").write_text(HEADER + "".join(rows))
    return directory


def finding(process: Any, check: str, status: str) -> dict[str, Any]:
    report = json.loads(process.stdout)
    found = [each for each in report["findings"] if each["check"] == check]
    (one,) = [each for each in found if each["status"] == status]
    return dict(one)


@pytest.fixture
def lago(lago_home: Home, tmp_path: Path) -> Home:
    """A copy of Lago's data, published and still in scratch."""
    shutil.copytree(lago_home.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def publish_more(home: Home, sql: str) -> None:
    """Change what is published, as if the last version had been another."""
    database = home.published / "current" / "invoice_collection.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(sql)


# Shrinking


@pytest.mark.parametrize(
    ("before", "shrunken"),
    [
        ("invoices_count", False),
        # 10% and more than 5 invoices.
        ("invoices_count * 10 / 9", False),
        ("invoices_count * 2", True),
    ],
)
def test_an_organization_that_lost_many_invoices_keeps_a_build_from_being_published(
    before: str, shrunken: bool, lago: Home, harness: Harness
) -> None:
    publish_more(lago, f"update invoice_collection set invoices_count = {before}")
    process = harness("check", "--format", "json", home=lago)
    assert process.returncode == int(shrunken), process.stderr
    assert finding(process, "published version", "fail" if shrunken else "pass")
    if shrunken:
        message = finding(process, "published version", "fail")["message"]
        assert "Northwind" in message
        assert NORTHWIND in message
        assert "--allow-shrink" in message
        process = harness("check", "--allow-shrink", "--format", "json", home=lago)
        assert process.returncode == 0, process.stderr
        assert finding(process, "published version", "warn")


def test_an_organization_that_vanished_is_named_with_both_counts(
    lago: Home, harness: Harness
) -> None:
    publish_more(
        lago,
        "insert into invoice_collection"
        " values ('gone', date '2026-01-01', 'pending', 'EUR', 7, 100)",
    )
    process = harness("check", home=lago)
    assert process.returncode == 1
    assert "gone: 7 → 0" in process.stdout
    assert "1 finding keeps this build from being published" in process.stderr


def test_what_is_dated_after_the_earlier_as_of_month_is_no_loss(
    lago: Home, harness: Harness
) -> None:
    publish_more(
        lago,
        "insert into invoice_collection"
        " values ('later', date '2026-12-01', 'pending', 'EUR', 700, 100)",
    )
    assert harness("check", home=lago).returncode == 0


def test_a_published_version_that_cannot_be_read_is_no_word_of_approval(
    lago: Home, harness: Harness
) -> None:
    (lago.published / "current" / "invoice_collection.duckdb").write_text("damaged")
    process = harness("check", "--format", "json", home=lago)
    assert process.returncode == 1
    assert "cannot be read" in finding(process, "published version", "fail")["message"]


def test_an_export_of_what_changed_does_not_replace_a_report(
    tmp_path: Path, harness: Harness
) -> None:
    home = Home(tmp_path / "home")
    rows = [f"i{day},2026-02-1{day},EUR,100" for day in range(5)]
    whole = write_source(tmp_path / "whole", *rows)
    assert harness("run", "--from", whole, "--as-of", AS_OF, home=home).returncode == 0
    before = os.readlink(home.published / "current")
    for name, kept in (("delta", rows[:1]), ("none", [])):
        source = write_source(tmp_path / name, *kept)
        process = harness("run", "--from", source, "--as-of", AS_OF, home=home)
        assert process.returncode == 1
        assert f"Acme (o): 5 → {len(kept)}" in process.stderr
        assert os.readlink(home.published / "current") == before
    process = harness("check", "--allow-shrink", home=home)
    assert process.returncode == 0
    # The sample does not replace it, nor does no source at all.
    for arguments in ((), ("--from", "sample")):
        process = harness("run", *arguments, home=home)
        assert process.returncode == 2
        assert f"{home.path} holds data of {tmp_path / 'none'}" in process.stderr
        assert f"harness run --from {tmp_path / 'none'}" in process.stderr
    shutil.rmtree(home.raw.parent)
    assert harness("load", home=home).returncode == 2


def test_the_command_that_loads_again_has_the_options_of_the_load(
    tmp_path: Path, harness: Harness
) -> None:
    source = write_source(tmp_path / "my source", "i,2026-02-10,EUR,100")
    home = Home(tmp_path / "home")
    invoices, organizations = source / "invoices.csv", source / "organizations.csv"
    arguments = ("--from", invoices, "--organizations", organizations)
    assert harness("load", *arguments, home=home).returncode == 0
    process = harness("load", home=home)
    assert f"harness run --from '{invoices}' --organizations '{organizations}'" in process.stderr


def test_the_sample_says_that_it_is_invented(sample_home: Home, harness: Harness) -> None:
    assert "of the sample: invented data" in harness("show", home=sample_home).stdout
    page = (sample_home.published / "current" / "report.html").read_text()
    assert "its organizations and invoices are invented" in page


# Reasons


def test_whatever_fails_the_reasons_are_told(tmp_path: Path, harness: Harness) -> None:
    rows = [f"i{day},2026-02-1{day},EUR,100{'.0' if day else ''}" for day in range(10)]
    rows[1] = "i1,2026-02-11,EUR,1\a0"
    source = write_source(tmp_path / "source", *rows)
    home = Home(tmp_path / "home")
    process = harness("run", "--from", source, "--as-of", AS_OF, home=home)
    assert process.returncode == 1
    assert "left out of the report: 9 of 10 invoices" in process.stderr
    assert "data fault: invalid_amount: 9 invoices of organization o, such as i1" in process.stderr
    limit = "half of the invoices that would count otherwise, faults_count 9, of_invoices 10"
    assert limit in process.stderr
    assert not home.published.exists()
    process = harness("check", "--junit", tmp_path / "check.xml", home=home)
    assert process.returncode == 1
    assert "invalid_amount: 9 invoices" in process.stdout
    document = ElementTree.parse(tmp_path / "check.xml").getroot()
    assert "invalid_amount: 9 invoices" in "".join(document.itertext())
    process = harness("check", "--format", "json", home=home)
    (exclusion,) = json.loads(process.stdout)["exclusions"]
    assert (exclusion["reason"], exclusion["invoices_count"]) == ("invalid_amount", 9)
    # Nothing is told of what is not there.
    with duckdb.connect(str(home.scratch / "collection.duckdb")) as connection:
        connection.execute("drop table invoice_exclusions; drop view int_invoices_classified")
    assert "invalid_amount: 9 invoices" in harness("check", home=home).stdout
    with duckdb.connect(str(home.scratch / "collection.duckdb")) as connection:
        connection.execute("drop table int_invoice_groups_classified")
    assert "left out of the report: not known" in harness("check", home=home).stdout


def test_invoices_outside_the_report_s_months_are_no_empty_report(
    tmp_path: Path, harness: Harness
) -> None:
    source = write_source(tmp_path / "source", "i,2026-02-10,EUR,100")
    home = Home(tmp_path / "home")
    process = harness("run", "--from", source, "--as-of", "2026-01-31", home=home)
    assert process.returncode == 1
    assert "none falls into the report's months, from 2026-01 to 2026-01" in process.stderr
    assert "they are of 2026-02 to 2026-02" in process.stderr
    process = harness("run", "--from", source, "--as-of", "2226-01-01", home=home)
    assert process.returncode == 0, process.stderr
    assert "warn  months: as-of date: 2226-01 is yet to come" in process.stderr


# Results are those of the build


def test_results_of_another_run_of_dbt_are_refused(lago: Home, harness: Harness) -> None:
    file = lago.scratch / "build.json"
    record = json.loads(file.read_text())
    write_json(file, record | {"invocation_id": "another"})
    process = harness("check", home=lago)
    assert process.returncode == 2
    assert "are of another run of dbt" in process.stderr
    write_json(file, record | {"succeeded": False})
    assert harness("check", home=lago).returncode == 1


# Homes and projects as people have them


@pytest.mark.parametrize("name", ["a#b", "what?", "it's {x} = [y]"])
def test_a_home_may_have_any_name(name: str, tmp_path: Path, harness: Harness) -> None:
    source = write_source(tmp_path / "source", "i,2026-02-10,EUR,100")
    home = Home(tmp_path / name)
    arguments = ("run", "--from", source, "--as-of", AS_OF)
    process = harness(*arguments, home=home, PYTHONWARNINGS="error::SyntaxWarning")
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("raw is a file", "raw is not a directory"),
        ("copied without links", "current is not a link"),
    ],
)
def test_a_damaged_home_is_not_blamed_on_the_source(
    damage: str, message: str, tmp_path: Path, harness: Harness
) -> None:
    home = Home(tmp_path / "home")
    home.make()
    if damage == "raw is a file":
        home.raw.parent.write_text("")
    else:
        (home.published / "current").mkdir(parents=True)
    process = harness("run", home=home)
    assert process.returncode == 2
    assert "the home is damaged" in process.stderr
    assert message in process.stderr


def test_a_link_to_nothing_is_named(lago: Home, harness: Harness) -> None:
    (lago.published / "current").unlink()
    (lago.published / "current").symlink_to("nowhere")
    process = harness("show", home=lago)
    assert process.returncode == 2
    assert "points at nowhere, which is not there" in process.stderr


def test_a_source_without_from_is_told_how(tmp_path: Path, harness: Harness) -> None:
    process = harness("run", "exports/lago", home=Home(tmp_path))
    assert process.returncode == 2
    assert "harness run --from exports/lago" in process.stderr

"""Publishing: only what was checked, in one step, whole at every moment."""

import csv
import errno
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import CASES, Harness, copied

from harness.cli.group import main_group
from harness.collection.answers import PATH
from harness.collection.version import published
from harness.foundation.home import Home


@pytest.fixture
def sample(sample_home: Home, tmp_path: Path) -> Home:
    return copied(sample_home, tmp_path / "home")


def fixture_rows() -> list[dict[str, str]]:
    with (CASES / "sample.csv").open(newline="") as file:
        return list(csv.DictReader(file))


TABLES = {
    *("invoice_collection", "invoice_collection_by_billing_entity", "organization_months"),
    *("invoice_exclusions", "currencies", "billing_entities", "organizations"),
    *("uncollected_invoices", "receivables_aging", "faulty_invoices"),
}


def test_the_layout_is_that_of_the_manifest(sample_home: Home) -> None:
    version = published(sample_home)
    assert (sample_home.published / "current").is_symlink()
    assert not (sample_home.published / "current").readlink().is_absolute()
    files = {file.name for file in version.path.iterdir() if file.is_file()}
    tables = [f"{table}.{ending}" for table in TABLES for ending in ("csv", "parquet")]
    assert files == {"invoice_collection.duckdb", "manifest.json", "report.html", *tables}
    assert version.manifest["files"].keys() == files - {"manifest.json", "report.html"}
    for name, facts in version.manifest["files"].items():
        content = (version.path / name).read_bytes()
        assert facts == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_manifest_tells_what_was_published(sample_home: Home) -> None:
    manifest = published(sample_home).manifest
    rows = fixture_rows()
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        cell = sums[row["currency"]]
        cell[0] += int(row["invoices_count"])
        cell[1] += int(row["amount_cents"])
    assert manifest["rows"]["invoice_collection"] == len(rows)
    assert manifest["sums"] == [
        {"currency": currency, "invoices_count": count, "amount_cents": str(cents)}
        for currency, (count, cents) in sorted(sums.items())
    ]
    assert manifest["as_of_date"] == "2026-06-17"
    assert "does not bring back" in manifest["as_of_remark"]
    assert manifest["source"] == "sample"
    load = manifest["load"]
    assert load["read"] == load["superseded"] + load["raw"]
    assert load["raw"] == sum(int(row["invoices_count"]) for row in rows) + sum(
        each["invoices_count"] for each in manifest["exclusions"]
    )
    assert {check["status"] for check in manifest["checks"]} == {"pass", "warn"}
    assert set(manifest["tools"]) >= {"python", "dbt-core", "dbt-duckdb", "duckdb"}


def test_all_published_forms_hold_the_same_rows_in_order(sample_home: Home) -> None:
    path = published(sample_home).path
    expected = [tuple(row.values()) for row in fixture_rows()]
    with duckdb.connect(str(path / "invoice_collection.duckdb"), read_only=True) as connection:
        for relation in (
            "invoice_collection",
            f"'{path / 'invoice_collection.parquet'}'",
            f"read_csv('{path / 'invoice_collection.csv'}')",
        ):
            found = connection.execute(
                "select organization_id, month::varchar, payment_status, currency,"
                f" invoices_count::varchar, amount_cents::varchar from {relation}"
            ).fetchall()
            assert found == expected


def test_the_published_tables_are_documented(sample_home: Home) -> None:
    database = published(sample_home).database
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = dict(
            connection.execute("select table_name, comment from duckdb_tables()").fetchall()
        )
        undocumented = connection.execute(
            "select table_name, column_name from duckdb_columns()"
            " where not internal and comment is null"
        ).fetchall()
    assert set(tables) == TABLES
    for table, comment in tables.items():
        assert comment.startswith("One row per "), table
    assert undocumented == []


def test_known_billing_entities_are_published_and_deleted_ones_are_not(lago_home: Home) -> None:
    with duckdb.connect(str(published(lago_home).database), read_only=True) as connection:
        codes = connection.execute(
            "select organization_id[:4], billing_entity_code from billing_entities order by all"
        ).fetchall()
    assert codes == [
        ("5bb7", "default"),
        ("b1cb", "americas"),
        ("b1cb", "apac"),
        ("b1cb", "default"),
        ("b1cb", "latam"),
        ("b1cb", "legacy"),
        ("ce9c", "default"),
    ]


def test_a_build_that_changed_since_its_check_is_refused(
    sample: Home, harness_here: Harness
) -> None:
    with duckdb.connect(str(sample.scratch / "collection.duckdb")) as connection:
        connection.execute("update invoice_collection set amount_cents = 1")
    process = harness_here("publish", home=sample)
    assert process.returncode == 1
    assert "has changed since its check" in process.stderr


def test_a_load_after_the_check_is_refused(sample: Home, harness_here: Harness) -> None:
    assert harness_here("load", home=sample).returncode == 0
    process = harness_here("publish", home=sample)
    assert process.returncode == 1
    assert "raw data was loaded again since the check" in process.stderr
    process = harness_here("check", home=sample)
    assert process.returncode == 2
    assert "harness build" in process.stderr
    # That check does not count, nor does the one before it now.
    assert "nothing is checked" in harness_here("publish", home=sample).stderr


def test_another_version_since_the_check_is_refused(sample: Home, harness_here: Harness) -> None:
    before = published(sample).path
    other = before.with_name("20990101T000000Z-00000000")
    shutil.copytree(before, other)
    manifest = json.loads((other / "manifest.json").read_text()) | {"build_id": "another"}
    (other / "manifest.json").write_text(json.dumps(manifest))
    assert harness_here("rollback", other.name, home=sample).returncode == 0
    process = harness_here("publish", home=sample)
    assert process.returncode == 1
    assert f"{other.name} is published since the check; run: harness check" in process.stderr
    # The same build may be published again, and as what was current when it was checked.
    assert harness_here("rollback", before.name, home=sample).returncode == 0
    assert harness_here("publish", home=sample).returncode == 0
    assert harness_here("publish", home=sample).returncode == 0


@pytest.mark.parametrize("command", ["check", "publish"])
def test_a_build_of_another_home_is_refused(
    command: str, sample_home: Home, tmp_path: Path, harness_here: Harness
) -> None:
    home = Home(tmp_path / "copy")
    shutil.copytree(sample_home.path, home.path, symlinks=True)
    process = harness_here(command, home=home)
    assert process.returncode == 2
    assert f"as it was made in {sample_home.path.resolve()}; run: harness build" in process.stderr


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["build"], "load"),
        (["check"], "harness build"),
        (["publish"], "harness check"),
        (["report"], "harness run"),
        (["show"], "harness run"),
        (["get", PATH], "harness run"),
    ],
)
def test_each_step_names_the_one_before(
    command: list[str], hint: str, tmp_path: Path, harness_here: Harness
) -> None:
    process = harness_here(*command, home=Home(tmp_path))
    assert process.returncode == 2
    assert hint in process.stderr
    assert process.stdout == ""


def test_a_second_writer_is_kept_out(sample: Home, harness: Harness) -> None:
    with sample.locked():
        process = harness("load", home=sample)
    assert process.returncode == 2
    assert f"in use by process {os.getpid()}" in process.stderr


def test_what_is_published_opens_in_duckdb_1_0(sample: Home) -> None:
    with duckdb.connect(str(published(sample).database), read_only=True) as connection:
        (tags,) = connection.execute(
            "select tags from duckdb_databases() where database_name = current_database()"
        ).fetchall()
    assert tags[0]["storage_version"].startswith("v1.0.0")


def test_only_the_newest_versions_are_kept(sample: Home, harness_here: Harness) -> None:
    for number in range(3):
        (sample.published / f"20200101T00000{number}Z-00000000").mkdir()
    (sample.published / ".20200101T000009Z-00000000").mkdir()
    before = published(sample).path
    assert harness_here("publish", home=sample).returncode == 0
    versions = sorted(path.name for path in sample.published.iterdir() if not path.is_symlink())
    assert versions == ["20200101T000002Z-00000000", before.name, published(sample).path.name]


def test_what_others_put_beside_the_versions_stays(sample: Home, harness: Harness) -> None:
    for name in ("20200101T000000Z-old", "archive", ".snapshot", ".20200101T000000Z-00000000.bak"):
        (sample.published / name).mkdir()
    (sample.published / "20200101T000000Z-00000000").write_text("a file")
    elsewhere = sample.path / "elsewhere"
    elsewhere.mkdir()
    (sample.published / "20200101T000001Z-00000000").symlink_to(elsewhere)
    others = {path.name for path in sample.published.iterdir()}
    assert harness("publish", "--keep", 1, home=sample).returncode == 0
    assert others < {path.name for path in sample.published.iterdir()}
    assert elsewhere.is_dir()


def test_the_version_before_stays_whatever_its_age(sample: Home, harness_here: Harness) -> None:
    before = published(sample).path.name
    for number in range(3):  # as left behind by runs killed just before the last step
        (sample.published / f"2099010{number}T000000Z-00000000").mkdir()
    assert harness_here("publish", home=sample).returncode == 0
    versions = {path.name for path in sample.published.iterdir() if not path.is_symlink()}
    assert versions == {before, published(sample).path.name, "20990102T000000Z-00000000"}


@pytest.mark.parametrize("keep", [1, 3])
def test_how_many_versions_are_kept_can_be_said(
    keep: int, sample: Home, harness_here: Harness
) -> None:
    before = published(sample).path
    for number in range(2):
        (sample.published / f"2020010{number}T000000Z-00000000").mkdir()
    assert harness_here("publish", "--keep", keep, home=sample).returncode == 0
    versions = [path for path in sample.published.iterdir() if not path.is_symlink()]
    assert len(versions) == max(keep, 2)  # the version before stays
    assert {before, published(sample).path} <= set(versions)


@pytest.mark.parametrize("step", ["rename", "rmtree"])
def test_an_old_version_that_cannot_be_removed_is_a_warning(
    step: str, sample: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = published(sample).path
    for number in range(2):
        (sample.published / f"2020010{number + 1}T000000Z-00000000").mkdir()
    rename, rmtree = Path.rename, shutil.rmtree

    def unless_of_another(path: Path, function: Callable[..., Any], *rest: Any, **how: Any) -> Any:
        if "20200101" in Path(path).name:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        return function(path, *rest, **how)

    if step == "rename":
        monkeypatch.setattr(Path, "rename", lambda path, to: unless_of_another(path, rename, to))
    else:
        monkeypatch.setattr(
            shutil, "rmtree", lambda path, **how: unless_of_another(path, rmtree, **how)
        )
    main_group.main(["publish", "--keep", "1", "--home", str(sample.path)], standalone_mode=False)
    output, errors = capsys.readouterr()
    assert "20200101T000000Z-00000000 cannot be removed (Operation not permitted)" in errors
    assert published(sample).path != before
    assert f"published version {published(sample).path.name}" in output
    assert not list(sample.published.glob("*20200102*"))


# Once it is published, nothing makes a failure of it


def closed_pipe() -> int:
    """Where to write so that nobody reads it."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_a_closed_pipe_is_no_failure(sample: Home) -> None:
    before = published(sample).path
    for arguments in (["run"], ["publish"], ["show"]):
        process = subprocess.run(
            [sys.executable, "-m", "harness", *arguments, "--home", sample.path],
            stdout=closed_pipe(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        assert "rror" not in process.stderr
        assert "Traceback" not in process.stderr
        if arguments == ["run"]:
            assert published(sample).path != before
            assert (published(sample).path / "report.html").exists()


def test_a_closed_pipe_makes_no_success_of_a_failure(sample: Home) -> None:
    with duckdb.connect(str(sample.scratch / "collection.duckdb")) as connection:
        connection.execute("delete from invoice_collection")
    process = subprocess.run(
        [sys.executable, "-m", "harness", "check", "--home", sample.path],
        stdout=closed_pipe(),
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert process.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_behind_the_output_is_a_warning(sample: Home) -> None:
    before = published(sample).path
    for command, code in (("publish", 0), ("show", 2)):
        with open("/dev/full", "w") as full:
            process = subprocess.run(
                [sys.executable, "-m", "harness", command, "--home", sample.path],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert process.returncode == code, process.stderr
        assert "No space left" in process.stderr or "disk" in process.stderr
        assert "Traceback" not in process.stderr
    assert published(sample).path != before


def test_a_name_that_the_terminal_cannot_write_is_written_as_it_can(
    sample: Home, harness: Harness
) -> None:
    with duckdb.connect(str(published(sample).database)) as connection:
        connection.execute("update organizations set organization_name = 'Дом'")
    process = harness("show", home=sample, PYTHONIOENCODING="latin-1")
    assert process.returncode == 0, process.stderr
    assert r"\u0414\u043e\u043c" in process.stdout


@pytest.mark.parametrize("limit", [0, 100, 20_000, 1_000_000])
def test_a_full_disk_leaves_what_was_published(limit: int, sample: Home) -> None:
    before = {path.name for path in sample.published.iterdir()}
    # No file may grow beyond the limit, as on a disk without space.
    process = subprocess.run(
        [sys.executable, "-m", "harness", "publish", "--home", sample.path],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "error: " in process.stderr
    assert "Traceback" not in process.stderr
    assert {path.name for path in sample.published.iterdir()} == before
    assert published(sample).collection()


def test_a_target_that_cannot_be_written_is_a_clear_error(
    sample: Home, harness_here: Harness
) -> None:
    shutil.rmtree(sample.published)
    sample.published.symlink_to("/proc")
    process = harness_here("publish", home=sample)
    assert process.returncode == 2
    assert "cannot be written" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_home_that_cannot_be_written_is_a_clear_error(
    tmp_path: Path, harness_here: Harness
) -> None:
    (tmp_path / "file").touch()
    process = harness_here("run", home=Home(tmp_path / "file" / "home"))
    assert process.returncode == 2
    assert "cannot create the home" in process.stderr
    assert "Traceback" not in process.stderr

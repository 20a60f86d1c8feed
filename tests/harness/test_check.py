"""The checks: each finds what it is there to find."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest
from conftest import CASES, Harness, copied
from jsonschema import Draft202012Validator, ValidationError

from harness.build.building import Build
from harness.check.checking import check
from harness.check.exclusions import find_exclusions
from harness.check.findings import Exclusion, Finding, Report
from harness.check.months import months_findings
from harness.check.output import as_junit, as_text
from harness.foundation.home import PROJECT, Home
from harness.load.loading import Load

MAX = 2**63 - 1


@pytest.fixture
def sample(sample_home: Home, tmp_path: Path) -> Home:
    """A copy of the published sample to break; dbt's compiled SQL fits it by the file's name."""
    return copied(sample_home, tmp_path / "home")


@pytest.fixture(scope="session")
def singular_test(sample_home: Home) -> Callable[[duckdb.DuckDBPyConnection, str], list[Any]]:
    """Run one of dbt's tests as dbt compiled it and return the rows that it finds."""
    results = json.loads((sample_home.scratch / "target" / "run_results.json").read_text())
    compiled = {
        result["unique_id"].split(".")[2]: result["compiled_code"] for result in results["results"]
    }

    def run(connection: duckdb.DuckDBPyConnection, name: str) -> list[Any]:
        return connection.execute(compiled[name]).fetchall()

    return run


def scratch(home: Home) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home.scratch / "collection.duckdb"))


# One group of several invoices in which everything counts.
A_GROUP = """
    select rowid from int_invoice_groups
    where status_code = '1' and payment_status_code = '1' and currency = 'EUR'
        and self_billed = 'f' and payment_dispute_lost_at_validity = 'missing'
        and invoices_count > 3
    order by rowid limit 1
"""


CHANGES = [
    "delete from int_invoice_groups",
    "insert into int_invoice_groups select * from int_invoice_groups",
    *(
        f"update int_invoice_groups set {assignment}"
        for assignment in (
            "status_code = '2'",
            "payment_status_code = '0'",
            "currency = 'USD'",
            "currency = null",
            "month = month + interval 1 month",
            "organization_id = null",
            "self_billed = 't'",
            "payment_dispute_lost_at_validity = 'valid'",
            "invoices_count = invoices_count - 1",
            "amount_cents = amount_cents + 1",
        )
    ),
]


@pytest.mark.parametrize("change", CHANGES)
def test_rows_dropped_doubled_or_reclassified_in_the_groups_do_not_add_up(
    change: str, sample: Home, singular_test: Callable[..., list[Any]]
) -> None:
    name = "every_invoice_is_collected_or_excluded"
    with scratch(sample) as connection:
        assert singular_test(connection, name) == []
        connection.execute(f"{change} where rowid = ({A_GROUP})")
        assert singular_test(connection, name) != []


@pytest.mark.parametrize("mart", ["invoice_collection", "invoice_exclusions"])
def test_invoices_neither_collected_nor_excluded_do_not_add_up(
    mart: str, sample: Home, singular_test: Callable[..., list[Any]]
) -> None:
    with scratch(sample) as connection:
        connection.execute(f"delete from {mart} where rowid = 0")
        found = singular_test(connection, "every_invoice_is_collected_or_excluded")
    assert [row[0] for row in found] == ["collected and excluded"]


@pytest.mark.parametrize(
    ("faults", "strays", "expected"),
    [
        # 300 invoices are drafts, 293 are collected.
        (5, 0, []),
        (6, 0, [("o", 6, 599)]),
        (6, 1, [("o", 6, 599)]),
        (0, 5, []),
        (0, 6, [(None, 6, 599)]),
        (0, 293, [(None, 293, 886)]),
        (0, 294, [(None, 294, 587), (None, 294, 887)]),
        (5, 300, [(None, 300, 898), (None, 305, 598)]),
    ],
)
def test_data_faults_beyond_the_limits_are_found(
    faults: int,
    strays: int,
    expected: list[Any],
    sample: Home,
    singular_test: Callable[..., list[Any]],
) -> None:
    with scratch(sample) as connection:
        connection.execute("delete from invoice_exclusions")
        connection.execute("delete from invoice_collection where rowid > 0")
        connection.execute(
            "update invoice_collection set organization_id = 'o', invoices_count = 293"
        )
        for organization, reason, count in (
            ("o", "invalid_amount", faults),
            ("o", "not_finalized", 300),
            ("stray", "unknown_organization", strays),
        ):
            connection.execute(
                "insert into invoice_exclusions by name select $1 as organization_id,"
                " $2 as exclusion_reason, $3 as invoices_count, 0 as amount_cents,"
                " 'i' as example_invoice_id",
                [organization, reason, count],
            )
        found = singular_test(connection, "data_faults_stay_within_limits")
    assert sorted((tuple(row[1:]) for row in found), key=str) == sorted(expected, key=str)


def test_cells_beyond_64_bits_are_named(
    sample: Home, singular_test: Callable[..., list[Any]]
) -> None:
    with scratch(sample) as connection:
        connection.execute("delete from int_invoice_groups_classified")
        connection.executemany(
            "insert into int_invoice_groups_classified by name"
            " select $1 as organization_id, $2 as billing_entity_code, date '2024-01-01' as month,"
            " 'pending' as payment_status, 'EUR' as currency, $3::hugeint as amount_cents",
            [
                ["over", "a", MAX],
                ["over", "b", 1],
                ["fits", "a", MAX],
                ["under", "a", -MAX - 1],
                ["under", "a", -1],
                ["entity", "a", MAX],
                ["entity", "a", 1],
                ["entity", "b", -1],
            ],
        )
        found = singular_test(connection, "mart_cells_fit_64_bits")
    assert sorted((row[0], int(row[4])) for row in found) == [
        ("entity", MAX + 1),
        ("over", MAX + 1),
        ("under", -MAX - 2),
    ]


def test_a_gap_in_the_months_is_found(
    sample: Home, singular_test: Callable[..., list[Any]]
) -> None:
    with scratch(sample) as connection:
        assert singular_test(connection, "organization_months_have_no_gap") == []
        connection.execute("delete from organization_months where month = '2025-06-01'")
        assert len(singular_test(connection, "organization_months_have_no_gap")) == 2


def test_a_mart_that_is_not_the_sum_of_its_billing_entities_is_found(
    sample: Home, singular_test: Callable[..., list[Any]]
) -> None:
    with scratch(sample) as connection:
        connection.execute("update invoice_collection set amount_cents = 1 where rowid = 7")
        name = "sums_to_collection_invoice_collection_by_billing_entity_"
        assert len(singular_test(connection, name)) == 1


def test_differences_from_the_fixture_are_shown_with_both_values(
    sample: Home, tmp_path: Path, harness_here: Harness
) -> None:
    fixture = tmp_path / "expected.csv"
    shutil.copy(CASES / "sample.yml", fixture.with_suffix(".yml"))
    lines = (CASES / "sample.csv").read_text().splitlines()
    organization, month, status, currency, count, cents = lines[1].split(",")
    lines[1] = f"{organization},{month},{status},{currency},{count},{int(cents) + 1}"
    unexpected = lines.pop(2).split(",")
    lines.append(f"{organization},2031-01-01,failed,KWD,1,7")
    fixture.write_text("\n".join(lines) + "\n")

    process = harness_here("check", "--fixture", fixture, "--format", "json", home=sample)

    assert process.returncode == 1
    (finding,) = [
        each for each in json.loads(process.stdout)["findings"] if each["check"] == "fixture"
    ]
    assert finding["status"] == "fail"
    by_difference = {row["difference"]: row for row in finding["rows"]}
    assert by_difference["different"]["expected_amount_cents"] == str(int(cents) + 1)
    assert by_difference["different"]["found_amount_cents"] == cents
    assert by_difference["unexpected"]["month"] == unexpected[1]
    assert by_difference["unexpected"]["found_amount_cents"] == unexpected[5]
    assert by_difference["missing"]["month"] == "2031-01-01"
    assert by_difference["missing"]["expected_amount_cents"] == "7"


@pytest.mark.parametrize(
    ("content", "facts", "message"),
    [
        (None, None, "cannot be read"),
        ("a,b\n", "", "must have the columns"),
        ("", "", "must have the columns"),
        (None, "as_of_date: 2026-05-31\n", "harness build --as-of 2026-05-31"),
        (None, "- nonsense\n", "must have the keys"),
    ],
)
def test_unusable_fixtures_are_refused(
    content: str | None,
    facts: str | None,
    message: str,
    sample: Home,
    tmp_path: Path,
    harness_here: Harness,
) -> None:
    fixture = tmp_path / "expected.csv"
    if facts is not None:
        text = (CASES / "sample.yml").read_text()
        given = facts or text
        if "as_of_date" in facts:
            given = facts + text.partition("\n")[2]
        fixture.with_suffix(".yml").write_text(given)
        fixture.write_text((CASES / "sample.csv").read_text() if content is None else content)
    process = harness_here("check", "--fixture", fixture, home=sample)
    assert process.returncode == 2
    assert message in process.stderr
    assert "Traceback" not in process.stderr


def test_the_check_prints_exclusions_by_reason_data_faults_first(
    sample: Home, tmp_path: Path, harness_here: Harness
) -> None:
    process = harness_here("check", "--junit", tmp_path / "check.xml", home=sample)
    assert process.returncode == 0, process.stderr
    reasons = [
        line.removeprefix("  data fault: ").strip().partition(":")[0]
        for line in process.stdout.splitlines()
        if line.startswith("  ")
    ]
    is_fault = [reason.startswith(("unknown_", "missing_", "invalid_")) for reason in reasons]
    assert is_fault == sorted(is_fault, reverse=True)
    assert "with '12.5' for total_amount_cents" in process.stdout
    assert process.stderr.count("data fault: ") == sum(is_fault)
    suite = ElementTree.parse(tmp_path / "check.xml").getroot()
    assert suite.get("failures") == "0"
    names = {case.get("name") for case in suite}
    assert {"every invoice", "sample.csv", "JSON of 2 organizations"} < names
    assert "with '12.5' for total_amount_cents" in (suite.findtext("system-out") or "")


def valid_report(text: str) -> dict[str, Any]:
    """A report of the check in JSON that is as its schema says."""
    schema = json.loads((PROJECT / "harness" / "check" / "check.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    report: dict[str, Any] = json.loads(text)
    Draft202012Validator(schema).validate(report)
    return report


def test_the_json_is_as_its_schema_says_whether_it_passes_or_fails(
    sample: Home, harness_here: Harness
) -> None:
    process = harness_here("check", "--format", "json", home=sample)
    assert process.returncode == 0, process.stderr
    assert valid_report(process.stdout)["passed"] is True
    process = harness_here("check", "--format", "json", "--strict", home=sample)
    assert process.returncode == 1
    report = valid_report(process.stdout)
    assert report["passed"] is False
    for wrong in (
        report | {"passed": "no"},
        report | {"more": 1},
        report | {"findings": [report["findings"][0] | {"status": "maybe"}]},
    ):
        with pytest.raises(ValidationError):
            valid_report(json.dumps(wrong))


def test_strict_lets_data_faults_fail_and_nothing_is_published(
    sample: Home, tmp_path: Path, harness_here: Harness
) -> None:
    process = harness_here("check", "--strict", "--junit", tmp_path / "check.xml", home=sample)
    assert process.returncode == 1
    suite = ElementTree.parse(tmp_path / "check.xml").getroot()
    (failure,) = suite.iter("failure")
    assert "--strict allows none" in (failure.get("message") or "")
    process = harness_here("publish", home=sample)
    assert process.returncode == 1
    assert "did not pass" in process.stderr


def test_a_failing_dbt_test_is_shown_with_its_rows(tmp_path: Path, harness_here: Harness) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "organizations.csv").write_text("id,created_at\no,2024-01-05 00:00:00\n")
    header = "id,organization_id,status,payment_status,issuing_date,currency,total_amount_cents\n"
    invoices = [f"{i},o,finalized,pending,2024-01-0{i},EUR,{MAX}\n" for i in (1, 2)]
    left_out = ["3,o,draft,pending,2024-01-03,EUR,1\n", "4,o,1,pending,2024-01-04,EUR,1250.0\n"]
    (source / "invoices.csv").write_text(header + "".join(invoices + left_out))
    home = Home(tmp_path / "home")

    process = harness_here("run", "--from", source, "--as-of", "2024-02-01", home=home)

    assert process.returncode == 1
    assert process.stdout == ""
    assert "mart_cells_fit_64_bits" in process.stderr
    cell = "organization_id o, month 2024-01-01, payment_status pending, currency EUR"
    assert f"{cell}, amount_cents {2 * MAX}" in process.stderr
    report = valid_report((home.scratch / "check.json").read_text())
    failed = {each["name"]: each["rows"] for each in report["findings"] if each["rows"]}
    assert failed["test mart_cells_fit_64_bits"][0]["amount_cents"] == str(2 * MAX)
    assert not home.published.exists()
    # The marts were not built, and what is left out is told all the same.
    told = [
        "left out of the report: 2 of 4 invoices",
        "data fault: invalid_amount: 1 invoice of organization o, such as 4 with '1250.0' for"
        " total_amount_cents",
        "not_finalized: 1 invoice of organization o, such as 3",
    ]
    assert {(each["reason"], each["given"]) for each in report["exclusions"]} == {
        ("invalid_amount", "1250.0"),
        ("not_finalized", None),
    }
    junit = tmp_path / "check.xml"
    checked = harness_here("check", "--junit", junit, home=home)
    assert checked.returncode == 1
    for line in told:
        assert line in process.stderr
        assert line in checked.stdout
        assert line in (ElementTree.parse(junit).getroot().findtext("system-out") or "")


def test_a_currency_outside_the_contract_is_a_warning(lago_home: Home) -> None:
    report = json.loads((lago_home.scratch / "check.json").read_text())
    (finding,) = [each for each in report["findings"] if each["name"] == "currencies"]
    assert finding["status"] == "warn"
    assert "KWD" in finding["message"]


def test_the_sample_fixture_is_the_independent_calculation(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, CASES / "calculate.py", PROJECT / "seeds" / "lago", "2026-06-17"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == (CASES / "sample.csv").read_text()
    process = subprocess.run(
        [sys.executable, PROJECT / "seeds" / "make_sample.py", tmp_path], check=True
    )
    for name in ("organizations", "billing_entities", "customers", "invoices"):
        committed = PROJECT / "seeds" / "lago" / f"{name}.csv"
        assert (tmp_path / f"{name}.csv").read_bytes() == committed.read_bytes()


def test_every_sample_exclusion_agrees_with_the_independent_calculation(
    sample_home: Home, calculate: ModuleType
) -> None:
    expected = calculate.collect(PROJECT / "seeds" / "lago", calculate.date(2026, 6, 17)).exclusions
    with duckdb.connect(str(sample_home.scratch / "collection.duckdb"), read_only=True) as found:
        rows = found.execute(
            "select organization_id, exclusion_reason, sum(invoices_count)"
            " from invoice_exclusions group by all"
        ).fetchall()
    assert {(id_, reason): int(count) for id_, reason, count in rows} == dict(expected)
    assert len({reason for _, reason, _ in rows}) == 14


# What is told, whatever fails


def told(exclusions: list[Exclusion] | None) -> set[tuple[Any, ...]]:
    assert exclusions is not None
    return {(e.organization_id, e.reason, e.invoices_count, e.given) for e in exclusions}


def test_exclusions_are_read_from_whatever_is_built(sample: Home) -> None:
    invoices = sample.raw / "invoices.parquet"
    with scratch(sample) as connection:
        whole = told(find_exclusions(connection, invoices))
        assert ("11bedd82-2ba9-473b-b755-d9bca18f55be", "invalid_self_billed", 1, "maybe") in whole
        connection.execute("drop table invoice_exclusions")
        assert told(find_exclusions(connection, invoices)) == whole
        connection.execute("drop table int_invoice_groups_classified")
        assert find_exclusions(connection, invoices) is None


@pytest.fixture
def failed_report() -> Callable[..., Report]:
    """A report of a failed build with this finding and these exclusions."""

    def make(finding: Finding, exclusions: list[Exclusion] | None = None) -> Report:
        built = Build("b", "l", "2026-03-31", False, 1.0)
        loaded = Load("l", "", "/data", None, 40, 0, 40, 1, 0, {}, [])
        return Report(built, loaded, False, [finding], exclusions, "0" * 64, None)

    return make


def test_what_is_not_known_is_not_told_as_none(failed_report: Callable[..., Report]) -> None:
    report = failed_report(Finding("dbt", "model int_invoice_groups", "fail", "broken"))
    lines = list(as_text(report))
    assert "left out of the report: not known, since the models were not built" in lines
    assert not any(" 0 of " in line and "left out" in line for line in lines)
    assert "not known" in as_junit(report).decode()
    assert report.as_json()["exclusions"] is None
    valid_report(json.dumps(report.as_json()))


@pytest.mark.parametrize("text", ["\x00", "a\x1b[31mb", "\x0b", "\ufffe", "\ud800", "1\n2", "ü€😀"])
def test_any_text_makes_junit_that_a_parser_reads(
    text: str, failed_report: Callable[..., Report]
) -> None:
    finding = Finding("dbt", f"test {text}", "fail", f"message {text}", [{"value": text}])
    exclusion = Exclusion("o", "invalid_amount", 1, text, True, text)
    report = failed_report(finding, [exclusion])
    suite = ElementTree.fromstring(as_junit(report))
    (case,) = suite.iter("testcase")
    shown = text if text.isprintable() else repr(text)[1:-1]
    assert shown in (case.findtext("failure") or "")
    assert (case.get("name") == f"test {shown}") or text == "1\n2"
    # In lines for people nothing moves the cursor.
    (row,) = [line for line in as_text(report) if line.startswith("        value")]
    assert row.isprintable()


def test_missing_values_are_null_in_the_rows(failed_report: Callable[..., Report]) -> None:
    rows = [{"organization_id": None, "faults_count": "36", "currency": " "}]
    lines = list(as_text(failed_report(Finding("dbt", "test t", "fail", "Got 1 result", rows))))
    assert "        organization_id null, faults_count 36, currency ' '" in lines


# The months of the report


def test_invoices_that_are_all_outside_the_months_fail(sample: Home) -> None:
    with scratch(sample) as connection:
        assert list(months_findings(connection, date(2026, 6, 17))) == []
        connection.execute(
            "update int_invoice_groups_classified set exclusion_reason = 'future_month'"
            " where exclusion_reason is null and month >= '2024-10-01'"
        )
        assert list(months_findings(connection, date(2026, 6, 17))) == []
        connection.execute(
            "update int_invoice_groups_classified set exclusion_reason = 'future_month'"
            " where exclusion_reason is null"
        )
        (finding,) = months_findings(connection, date(2026, 6, 17))
        connection.execute("delete from organization_months")
        (without,) = months_findings(connection, date(1999, 1, 1))
    # 2,810 are collected; of those outside two are too early by a month, one too late, of 2999.
    assert finding.status == without.status == "fail"
    assert "none of 2,814 invoices that would count is in the report" in finding.message
    assert "covers 2024-07 to 2026-06" in finding.message
    assert "dated 2024-05 to 2999-01" in finding.message
    assert "which has no month" in without.message


def test_an_as_of_month_to_come_is_a_warning(sample: Home) -> None:
    with scratch(sample) as connection:
        (finding,) = months_findings(connection, date(2226, 1, 1))
    assert (finding.status, finding.name) == ("warn", "as-of date")
    assert "2226-01-01 is after the current month" in finding.message


# Whose results they are


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_build_that_is_recorded_as_failed_fails_whatever_the_results_say(sample: Home) -> None:
    change(sample.scratch / "build.json", succeeded=False)
    (failed,) = check(sample).failed
    assert (failed.check, failed.name) == ("dbt", "build")
    assert "recorded as failed" in failed.message


def test_results_of_another_run_are_refused(sample: Home, harness_here: Harness) -> None:
    results = sample.scratch / "target" / "run_results.json"
    metadata = json.loads(results.read_text())["metadata"]
    change(results, metadata=metadata | {"invocation_id": "another"})
    process = harness_here("check", home=sample)
    assert process.returncode == 1
    assert "has the results of another run; run: harness build" in process.stdout
    assert harness_here("publish", home=sample).returncode == 1


def test_deleted_rows_stand_in_the_accounting(sample: Home) -> None:
    load = json.loads((sample.raw / "load.json").read_text())
    change(sample.raw / "load.json", read=load["read"] + 7, deleted=7)
    (finding,) = [each for each in check(sample).findings if each.check == "accounting"]
    assert finding.status == "pass"
    assert "3,021 read = 7 deleted at the source + 0 superseded + 3,014 raw" in finding.message
    change(sample.raw / "load.json", deleted=6)
    (finding,) = [each for each in check(sample).findings if each.check == "accounting"]
    assert finding.status == "fail"


def test_one_line_tells_of_the_json_of_all_organizations(lago_home: Home) -> None:
    report = json.loads((lago_home.scratch / "check.json").read_text())
    (name,) = [each["name"] for each in report["findings"] if each["name"].startswith("JSON")]
    assert name == "JSON of 3 organizations"

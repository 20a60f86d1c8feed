"""The command line: what is printed where, and the exit codes."""

import json

import pytest
from conftest import Harness

from harness.collection.answers import PATH
from harness.foundation.home import Home

COMMANDS = [
    *("run", "load", "build", "check", "publish"),
    *("report", "show", "invoices", "get", "diff", "versions", "rollback", "serve", "keys"),
]
MAPLESTRAND = "72e2286b-2d17-433d-99b3-ce624b5dcaf3"


def test_help_lists_every_command_in_the_order_of_use(harness: Harness) -> None:
    process = harness("--help")
    assert process.returncode == 0
    listed = [line.split()[0] for line in process.stdout.partition("Commands:")[2].splitlines()[1:]]
    assert listed == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example(command: str, harness_here: Harness) -> None:
    process = harness_here(command, "--help")
    assert process.returncode == 0
    assert f"  harness {command}" in process.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
        (["run", "--frm", "x"], "No such option '--frm'. Did you mean '--from'?"),
        (["run", "--as-of", "2026-1-5"], "write it as YYYY-MM-DD"),
        (["run", "--as-of", "2026-02-30"], "write it as YYYY-MM-DD"),
        (["run", "--as-of", "2026-W01-1"], "write it as YYYY-MM-DD"),
        (["run", "some dir"], "a source is given with --from: harness run --from 'some dir'"),
        (["load", "x.csv", "--per-page", "7"], "harness load --from x.csv"),
        (["show", "--months", "0"], "'--months'"),
        (["get"], "Missing argument"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_2(
    arguments: list[str], message: str, harness_here: Harness
) -> None:
    process = harness_here(*arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert message in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("target", "organization", "code", "status"),
    [
        (PATH, MAPLESTRAND, 0, None),
        (f"{PATH}?months=x", MAPLESTRAND, 1, 422),
        (f"{PATH}?billing_entity_code=nowhere", MAPLESTRAND, 1, 404),
        ("/elsewhere", MAPLESTRAND, 1, 404),
    ],
)
def test_get_prints_json_and_its_exit_code_tells_the_status(
    target: str,
    organization: str,
    code: int,
    status: int | None,
    sample_home: Home,
    harness: Harness,
) -> None:
    process = harness("get", target, "--organization", organization, home=sample_home)
    assert (process.returncode, process.stderr) == (code, "")
    assert json.loads(process.stdout).get("status") == status


@pytest.mark.parametrize("given", [[], ["--organization", "nobody"]])
def test_an_organization_that_is_not_clear_is_wrong_usage(
    given: list[str], sample_home: Home, harness_here: Harness
) -> None:
    process = harness_here("get", PATH, *given, home=sample_home)
    assert (process.returncode, process.stdout) == (2, "")
    assert f"{MAPLESTRAND} (Maplestrand Software Inc.)" in process.stderr


def test_the_only_organization_need_not_be_named(api_home: Home, harness_here: Harness) -> None:
    assert harness_here("get", PATH, home=api_home).returncode == 0


def test_show_prints_one_block(sample_home: Home, harness_here: Harness) -> None:
    wanted = ("--months", "2", "--currency", "cad", "--organization", MAPLESTRAND)
    process = harness_here("show", *wanted, home=sample_home)
    assert process.returncode == 0
    assert "invented" in process.stdout
    # 2026-05 and -06 of tests/cases/sample.csv.
    assert [line.split() for line in process.stdout.splitlines()[2:]] == [
        ["Maplestrand", "Software", "Inc.", f"({MAPLESTRAND}),", "CAD"],
        ["month", "pending", "succeeded", "failed", "rate"],
        ["2026-05", "4", "755.48", "12", "10,117.31", "0", "0.00", "93.1%"],
        ["2026-06", "5", "1,603.36", "3", "2,714.05", "1", "258.77", "59.3%"],
        ["total", "9", "2,358.84", "15", "12,831.36", "1", "258.77", "83.1%"],
        [],
    ]


@pytest.mark.parametrize("format_", ["csv", "json"])
def test_rows_of_the_sample_are_said_to_be_invented(
    format_: str, sample_home: Home, harness_here: Harness
) -> None:
    process = harness_here("show", "--months", "1", "--format", format_, home=sample_home)
    assert process.returncode == 0
    assert "invented" in process.stderr
    assert "invented" not in process.stdout


def test_a_traceback_is_shown_on_request_only(sample_home: Home, harness: Harness) -> None:
    arguments = ("show", "--currency", "nonsense")
    assert "Traceback" not in harness(*arguments, home=sample_home).stderr
    assert "Traceback" in harness(*arguments, "--debug", home=sample_home).stderr

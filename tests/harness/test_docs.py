"""What the documents say, tried."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Harness, copied

from harness.foundation.home import PROJECT, Home

DOCUMENTS = sorted([PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")])
# The words that commands begin with; a block that begins with another is output, SQL or a file.
COMMANDS = re.compile(
    r"(?:\w+=\S* )*(?:\$ |\(cd |(?:\.venv/bin/|/opt/\S+/)?"
    r"(?:harness|dbt|mf|python3?|pip|make|git|duckdb|psql|curl|cd|ls|ln|mv|cp|mkdir|tar|export|useradd)\b)"
)

# Commands that other tests run: how they begin, and where.
ELSEWHERE = {
    ".venv/bin/pip wheel --no-build-isolation --no-deps --wheel-dir dist": "test_install.py::wheel",
    "/opt/invoice-collection/.venv/bin/pip install --no-deps": "test_install.py::programs",
    "python3 -m venv /opt": "test_install.py::programs",
    "make run": ".github/workflows/ci.yml",
    "make test": ".ci/run",
    "PGPASSWORD=... .venv/bin/harness run": "test_postgres.py::"
    "test_published_figures_equal_those_of_the_dumps",
    "export PGPASSWORD": "test_postgres.py::test_published_figures_equal_those_of_the_dumps",
    "harness run --from postgresql": "test_postgres.py::"
    "test_published_figures_equal_those_of_the_dumps",
    ".venv/bin/harness run --from s3": "test_bucket.py::test_a_bucket_has_what_its_directory_has",
    "AWS_PROFILE=billing harness run": "test_bucket.py::test_a_profile_says_where_and_as_whom",
    ".venv/bin/harness run --home /tmp/mine": "test_publish.py::"
    "test_the_layout_is_that_of_the_manifest",
    ".venv/bin/harness run --home /tmp/mine-lago": "test_parity.py::"
    "test_every_case_from_tables_equals_lago",
    "LAGO_API_KEY=... .venv/bin/harness run": "test_api.py::"
    "test_published_figures_equal_those_of_saved_responses",
    "export LAGO_API_KEY": "test_api.py::test_published_figures_equal_those_of_saved_responses",
    "harness run --from https": "test_api.py::"
    "test_published_figures_equal_those_of_saved_responses",
    ".venv/bin/harness run --from path": "test_docs.py::"
    "test_the_worked_example_of_the_rules_is_right",
    ".venv/bin/harness run --from postgresql": "test_postgres.py::"
    "test_published_figures_equal_those_of_the_dumps",
    ".venv/bin/harness run --home trial": "test_postgres.py::"
    "test_published_figures_equal_those_of_the_dumps",
    "LAGO_COLLECTION_DUCKDB": "test_build.py::test_too_little_memory_is_said",
    ".venv/bin/dbt build": "test_dbt.py::sample_build",
    ".venv/bin/dbt source freshness": "test_dbt.py::test_the_freshness_of_a_load_is_known",
    "harness serve": "test_server.py::serving",
    "$ curl": "test_server.py::read_all",
    "harness diff --against": "test_diff.py::test_live_lago",
    "harness diff answer.json": "test_diff.py::test_lago_is_equal_with_doubles_and_empty_months",
    "export PGHOST": "test_bi.py::copying",
    **dict.fromkeys(
        (
            *("cp -r examples/superset", "sed -i", "python3 -m zipfile"),
            "superset import-dashboards",
        ),
        "../bi/test_bi_tools.py::test_superset_shows_what_is_published",
    ),
    ".venv/bin/python examples/copy_to_postgres.py": "test_bi.py::copying",
    ".venv/bin/mf query --metrics": "test_metrics.py::test_every_command_of_metricflow_succeeds",
    ".venv/bin/mf query --saved-query collection_by_month": "test_metrics.py::"
    "test_every_command_of_metricflow_succeeds",
    ".venv/bin/mf validate-configs": "test_metrics.py::test_every_command_of_metricflow_succeeds",
    "dbt build --target postgres": "../engines/test_postgres.py::"
    "test_one_command_builds_and_tests_everything_on_the_sample",
    "dbt build --target spark": "../engines/test_spark.py::results",
    "SPARK_HOST=spark.example.com dbt build": "../cluster/test_cluster.py::"
    "test_the_sample_equals_duckdb_and_every_test_passes",
    **dict.fromkeys(
        ("dbt build --target bigquery", "dbt build --target snowflake"),
        "../warehouses/test_warehouses.py::sample",
    ),
    "cd examples/consumer": "../engines/test_package.py::consumer",
    "(cd ../../seeds/lago": "../engines/test_package.py::consumer",
    "dbt deps": "../engines/test_package.py::consumer",
    "dbt build": "../engines/test_package.py::"
    "test_a_consumer_builds_the_marts_from_its_own_tables_into_its_own_schemas",
}
# Commands that no test can run.
NOWHERE = {
    "harness run --from invoices.csv": "tests/harness/test_field.py loads such an export",
    "git pull": "the clone of the tests has nowhere to pull from",
    "make setup": "it takes minutes, and every test runs in what it has set up",
    "pip install": "`make test-engines` installs the same, pinned",
    "/opt/invoice-collection/.venv/bin/pip install --require-hashes": "it downloads everything",
    ".venv/bin/pip wheel": "it downloads everything",
    "PIP_NO_INDEX=1": "it needs what was downloaded",
    "useradd": "it adds a user to the machine",
    "install -m 600": "it writes to /etc",
    "cp -r examples/systemd": "likewise",
    "systemctl": "where tests run, systemd has not started the machine",
    "cd examples/evaluator": "the package that it installs is on dbt's hub, out of a test's reach",
    "dbt build --select package:dbt_project_evaluator": "likewise",
}


def commands(document: Path) -> Iterator[str]:
    """The commands of a document, each as often as it is there."""
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", document.read_text(), re.M):
        text = re.sub(r"^    ", "", block, flags=re.M).strip("\n")
        if not COMMANDS.match(text):
            continue
        command = ""
        for line in text.splitlines():
            if command or not text.startswith("$ ") or line.startswith("$ "):
                command += line + "\n"
                if not is_open(command):
                    yield command.strip()
                    command = ""
        assert not command, f"{document.name}: {command}"


def is_open(command: str) -> bool:
    """Whether a command goes on in the next line."""
    process = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True)
    return command.endswith("\\\n") or bool(process.returncode or process.stderr)


def place(command: str, places: dict[str, str]) -> str | None:
    """What is said of a command: by the longest of the beginnings that fit."""
    found = [beginning for beginning in places if command.startswith(beginning)]
    return places[max(found, key=len)] if found else None


def run_here(command: str) -> bool:
    """Whether the tests below run a command."""
    return not place(command, ELSEWHERE) and not place(command, NOWHERE)


@pytest.fixture(scope="module")
def checkout(sample_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the sample published, as somebody has it who follows the documents."""
    checkout = tmp_path_factory.mktemp("documents") / "project"
    ignored = shutil.ignore_patterns(".venv", ".git", "warehouse", "target", "logs", "*.duckdb")
    shutil.copytree(PROJECT, checkout, ignore=ignored)
    (checkout / ".venv").symlink_to(PROJECT / ".venv")
    for home in ("warehouse", "trial"):
        copied(sample_home, checkout / home)
    versions = checkout / "warehouse" / "published"
    shutil.copytree(versions / "current", versions / EARLIER)
    (checkout / "target").mkdir()
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    return checkout


EARLIER = "20261123T151446Z-82f8b115"
# What stands for something of the reader's own.
THEIRS = {
    "--organization ID": "--organization 11bedd82-2ba9-473b-b755-d9bca18f55be",
    "revoke 1f2e3d4c": "revoke $(harness keys list | tail -1 | cut -d' ' -f1)",
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_the_commands_of_a_document_succeed(document: Path, checkout: Path) -> None:
    script = [command for command in commands(document) if run_here(command)]
    if not script:
        return
    text = "\n".join(script)
    for placeholder, value in THEIRS.items():
        text = text.replace(placeholder, value)
    # Whoever changes the directory in one block begins the next in the project again.
    text = re.sub(r"(?m)^(cd .*\n(?:ls|ln).*(?:\n(?:ls|ln).*)*)", r"(\1)", text)
    process = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", text],
        cwd=checkout,
        env=os.environ
        | {
            "PATH": f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}",
            # The installed package is that of the project, not of its copy.
            "PYTHONPATH": f"{checkout}:{os.environ['PYTHONPATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr[-2000:]
    untracked = ["git", "ls-files", "--others", "--exclude-standard"]
    left = subprocess.run(untracked, cwd=checkout, capture_output=True, text=True, check=True)
    assert left.stdout == "", "git would take what the commands left"
    if document.stem == "operations":
        assert (checkout / "warehouse/published/current").readlink() == Path(EARLIER)
        assert "Quillfern" in process.stdout


def test_every_command_is_run_or_said_to_be_run_elsewhere() -> None:
    every = [command for document in DOCUMENTS for command in commands(document)]
    assert len([command for command in every if run_here(command)]) > 15
    for places in (ELSEWHERE, NOWHERE):
        for beginning in places:
            assert any(command.startswith(beginning) for command in every), beginning
    for where in ELSEWHERE.values():
        file, _, name = where.partition("::")
        path = PROJECT / file if not name else PROJECT / "tests" / "harness" / file
        assert path.exists(), where
        assert not name or f"def {name}(" in path.read_text(), where


def test_the_python_of_the_bi_document_reads_what_is_published(sample_home: Home) -> None:
    text = (PROJECT / "docs" / "bi.md").read_text()
    code = [
        re.sub(r"^    ", "", block, flags=re.M)
        for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
        if block.strip().startswith("import ")
    ]
    assert code
    values: dict[str, Any] = {}
    exec("".join(code).replace("/srv/lago/warehouse", str(sample_home.path)), values)
    assert len(values["rows"]) == len(values["frame"]) > 100


def test_the_worked_example_of_the_rules_is_right(tmp_path: Path, harness: Harness) -> None:
    text = (PROJECT / "docs" / "rules.md").read_text()
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.partition("## A worked example")[2].splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    assert len(lines) == 8
    source = tmp_path / "source"
    source.mkdir()
    (source / "organizations.csv").write_text("id,created_at\no,2026-01-31 23:30:00\n")
    header = "id,status,payment_status,issuing_date,currency,total_amount_cents,organization_id"
    rows = [",".join([*line[:6], "o"]) for line in lines]
    (source / "invoices.csv").write_text("\n".join([header, *rows]) + "\n")
    home = Home(tmp_path / "home")

    process = harness("run", "--from", source, "--as-of", "2026-03-10", home=home)
    assert process.returncode == 0, process.stderr

    answer = harness("get", "/api/v1/analytics/invoice_collection", home=home).stdout
    assert answer == (
        '{"invoice_collections":['
        '{"month":"2026-01-01T00:00:00.000Z","payment_status":"succeeded",'
        '"invoices_count":1,"amount_cents":1000,"currency":"EUR"},'
        '{"month":"2026-02-01T00:00:00.000Z","invoices_count":0,"amount_cents":0},'
        '{"month":"2026-03-01T00:00:00.000Z","payment_status":"pending",'
        '"invoices_count":1,"amount_cents":700,"currency":"JPY"},'
        '{"month":"2026-03-01T00:00:00.000Z","payment_status":"succeeded",'
        '"invoices_count":2,"amount_cents":200,"currency":"EUR"}]}\n'
    )
    assert "8 raw = 4 collected + 4 excluded" in process.stderr
    assert "data fault: invalid_issuing_date: 1 invoice" in process.stderr

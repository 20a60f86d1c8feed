"""The metrics, asked for by MetricFlow's own commands, against sums of the expected collection."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from conftest import CASES

from harness.foundation.home import PROJECT, Home

AMOUNTS = {
    *("amount_cents", "collected_amount_cents", "collection_rate"),
    *("due_amount_cents", "past_due_amount_cents"),
}
PAST_DUE = "past_due_by_organization"
# What MetricFlow calls the columns of tests/cases/sample.csv.
COLUMNS = {
    "organization": "organization_id",
    "metric_time__month": "month",
    "collection__payment_status": "payment_status",
    "collection__currency": "currency",
}
# Several commands in one process, since starting takes longer than asking.
RUN = """
import json, sys
from dbt_metricflow.cli.cli_configuration import CLIConfiguration
from dbt_metricflow.cli.main import cli
configuration = CLIConfiguration()
for arguments in json.load(sys.stdin):
    print("mf", *arguments, flush=True)
    cli.main(arguments, obj=configuration, standalone_mode=False)
"""


class Asked:
    """What `mf` says to each of its commands that is tested, on the marts of the sample."""

    def __init__(self, home: Home, directory: Path) -> None:
        self.manifest = json.loads((home.scratch / "target" / "semantic_manifest.json").read_text())
        self.saved_queries = {query["name"]: query for query in self.manifest["saved_queries"]}
        self.documented = [
            command.split()
            for command in re.findall(
                r"^    \.venv/bin/mf (.*)$", (PROJECT / "docs" / "metrics.md").read_text(), re.M
            )
        ]
        self._directory = directory
        project = directory / "project"
        project.mkdir()
        for file in ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests"):
            (project / file).symlink_to(PROJECT / file)
        (project / "target").mkdir()
        (project / "target" / "semantic_manifest.json").write_text(json.dumps(self.manifest))
        # mf opens it for writing, which keeps others out of it.
        database = shutil.copy(home.scratch / "collection.duckdb", directory)
        commands = list(self.documented)
        for name in self.saved_queries:
            file = str(directory / f"{name}.csv")
            commands.append(["query", "--saved-query", name, "--csv", file])
        self.process = subprocess.run(
            [sys.executable, "-c", RUN],
            cwd=project,
            env=os.environ
            | {
                "LAGO_COLLECTION_DATABASE": database,
                "DBT_LOG_PATH": str(directory / "logs"),
            },
            input=json.dumps(commands),
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, saved_query: str) -> list[dict[str, str]]:
        """The rows of a saved query in the order in which they came."""
        with (self._directory / f"{saved_query}.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def asked(sample_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(sample_home, tmp_path_factory.mktemp("metrics"))


def grouped(saved_query: dict[str, Any]) -> list[str]:
    """The columns that a saved query groups by, as its result names them."""
    found = []
    for written in saved_query["query_params"]["group_by"]:
        names = re.findall(r"'(.*?)'", written)
        found.append("__".join(names))
    return found


def expected(columns: Iterable[str], metrics: list[str]) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """The metrics by the columns, summed up in the plainest way from the expected collection."""
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    with (CASES / "sample.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            cell = sums[tuple(row[COLUMNS[column]] for column in columns)]
            cell[0] += int(row["invoices_count"])
            cell[1] += int(row["amount_cents"])
            if row["payment_status"] == "succeeded":
                cell[2] += int(row["amount_cents"])
    return {
        key: tuple(
            {
                "invoices_count": count,
                "amount_cents": cents,
                "collected_amount_cents": collected,
                "collection_rate": pytest.approx(collected / cents),
            }[metric]
            for metric in metrics
        )
        for key, (count, cents, collected) in sums.items()
    }


def test_every_command_of_metricflow_succeeds(asked: Asked) -> None:
    output = asked.process.stdout + asked.process.stderr
    assert asked.process.returncode == 0, output
    assert ["validate-configs"] in asked.documented
    assert output.count("ERRORS: 0, FUTURE_ERRORS: 0, WARNINGS: 0") == 6


def test_each_saved_query_has_the_figures_of_the_collection(asked: Asked) -> None:
    assert set(asked.saved_queries) == {
        "collection_by_month",
        "collection_by_month_and_organization",
        "collection_by_month_and_payment_status",
        "invoices_by_month",
        PAST_DUE,
    }
    for name, query in asked.saved_queries.items():
        if name == PAST_DUE:
            continue
        columns, metrics = grouped(query), query["query_params"]["metrics"]
        rows = asked.rows(name)
        keys = [tuple(row[column].removesuffix(" 00:00:00") for column in columns) for row in rows]
        assert keys == sorted(keys), name
        found = {
            key: tuple(
                float(row[metric]) if metric == "collection_rate" else int(row[metric])
                for metric in metrics
            )
            for key, row in zip(keys, rows, strict=True)
        }
        assert len(found) == len(rows), name
        assert found == expected(columns, metrics), name


def test_what_is_past_due_has_the_figures_of_the_calculation(
    asked: Asked, calculate: ModuleType
) -> None:
    names = {
        "11bedd82-2ba9-473b-b755-d9bca18f55be": "Quillfern Cloud GmbH",
        "72e2286b-2d17-433d-99b3-ce624b5dcaf3": "Maplestrand Software Inc.",
    }
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for each in calculate.uncollected(PROJECT / "seeds" / "lago", date(2026, 6, 17)):
        cell = sums[names[each.cell.organization_id], each.cell.currency]
        cell[0] += each.due_cents
        cell[1] += each.due_cents if each.bucket != "not_due" else 0
    columns = ("organization__organization_name", "invoice__currency")
    metrics = ("due_amount_cents", "past_due_amount_cents")
    assert [[row[name] for name in (*columns, *metrics)] for row in asked.rows(PAST_DUE)] == [
        [*key, str(due), str(past_due)] for key, (due, past_due) in sorted(sums.items())
    ]


def test_amounts_of_different_currencies_are_never_added_up(asked: Asked) -> None:
    for name, query in asked.saved_queries.items():
        if AMOUNTS & set(query["query_params"]["metrics"]):
            assert {"collection__currency", "invoice__currency"} & set(grouped(query)), name
    metrics = {metric["name"]: metric["description"] for metric in asked.manifest["metrics"]}
    assert set(metrics) == AMOUNTS | {"invoices_count"}
    for name in AMOUNTS:
        assert "currencies must never be added up" in metrics[name], name


def test_the_time_spine_has_every_day_of_every_month_of_the_report(sample_home: Home) -> None:
    with duckdb.connect(
        str(sample_home.scratch / "collection.duckdb"), read_only=True
    ) as connection:
        (found,) = connection.execute(
            "select (min(date_day), max(date_day), count(*), count(distinct date_day))"
            " from report_days"
        ).fetchall()
        months = connection.execute(
            "select min(month), cast(max(month) + interval 1 month - interval 1 day as date)"
            " from organization_months"
        ).fetchone()
    assert months
    days = (months[1] - months[0]).days + 1
    assert found[0] == (*months, days, days)

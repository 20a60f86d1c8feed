"""The same models on Spark, in one process that builds the sample and Lago's tables."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from engines import MARTS, Marts, contradictions_to_lago, differences, marts, without_examples
from judged import SPARK

GOOD = {"success", "pass", "no-op"}


@pytest.fixture(scope="module")
def results(lago_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What spark_builds.py found."""
    if not find_spec("pyspark") or not find_spec("dbt.adapters.spark"):
        pytest.skip("dbt-spark with pyspark is not installed; `make test-engines` installs it")
    if not shutil.which("java"):
        pytest.skip("Spark needs Java 17, and there is no `java`")
    directory = tmp_path_factory.mktemp("spark")
    process = subprocess.run(
        [sys.executable, Path(__file__).with_name("spark_builds.py"), directory, lago_tables],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-5_000:] + process.stderr[-5_000:]
    found: dict[str, Any] = json.loads((directory / "results.json").read_text())
    return found


def of_build(build: dict[str, Any]) -> Marts:
    """The marts of a build in which nothing failed, without examples, which are right."""
    assert not {name: word for name, word in build["statuses"].items() if word not in GOOD}
    assert not build["strays"]
    return without_examples(
        marts({mart: [tuple(row) for row in build["marts"][mart]] for mart in MARTS})
    )


def test_the_sample_equals_duckdb_and_every_test_passes(
    results: dict[str, Any], duckdb_sample: Marts
) -> None:
    assert not differences(without_examples(duckdb_sample), of_build(results["sample"]))
    assert len(results["sample"]["statuses"]) > 130


def test_every_column_is_judged_whatever_its_type(results: dict[str, Any]) -> None:
    found = {value: tuple(reasons) for value, reasons in results["judged"].items()}
    assert found == {
        f"{value} (ANSI {ansi})": reasons
        for ansi in ("false", "true")
        for value, reasons in SPARK.items()
    }


def test_typed_tables_equal_lago_and_duckdb(results: dict[str, Any], duckdb_lago: Marts) -> None:
    found = of_build(results["lago"])
    assert not contradictions_to_lago(found)
    assert not differences(without_examples(duckdb_lago), found)


def test_invoices_are_scanned_once_and_added_up_before_the_only_shuffle(
    results: dict[str, Any],
) -> None:
    plan = results["plan"]
    # From the last step to the first, and nothing is sorted.
    steps = re.findall(r"(\w*Aggregate|Exchange|FileScan|Sort)\b", plan)
    assert steps == ["HashAggregate", "Exchange", "HashAggregate", "FileScan"], plan
    assert "partial_sum" in plan.split("Exchange")[1], plan

"""dbt as an analytics engineer uses it, without the harness."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.foundation.home import PROJECT, Home


def dbt(target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *arguments, "--target-path", str(target)],
        cwd=PROJECT,
        env=os.environ | {"LAGO_COLLECTION_DATABASE": str(target / "dev.duckdb")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    target = tmp_path_factory.mktemp("docs")
    process = dbt(target, "docs", "generate", "--empty-catalog")
    assert process.returncode == 0, process.stdout
    assert "warning" not in process.stdout.lower()
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return manifest


def test_docs_are_generated_without_a_warning_and_describe_everything(
    manifest: dict[str, Any],
) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(models) == 12
    for model in models:
        assert model["description"], model["name"]
        assert model["columns"], model["name"]
        for column in model["columns"].values():
            assert column["description"], (model["name"], column["name"])
    marts = [model for model in models if "marts" in model["fqn"]]
    assert {mart["name"] for mart in marts} == {
        "invoice_collection",
        "invoice_collection_by_billing_entity",
        "organization_months",
        "invoice_exclusions",
    }
    exposed = {
        name for each in manifest["exposures"].values() for name in each["depends_on"]["nodes"]
    }
    for mart in marts:
        assert mart["config"]["contract"]["enforced"]
        assert mart["access"] == "public"
        assert mart["unique_id"] in exposed


def test_every_model_tests_its_key(manifest: dict[str, Any]) -> None:
    nodes = manifest["nodes"].values()
    tested = {
        node["attached_node"]
        for node in nodes
        if node.get("test_metadata", {}).get("name")
        in ("keys_are_unique", "ids_are_unique", "unique")
    }
    untested = {
        node["name"]
        for node in nodes
        if node["resource_type"] == "model" and node["unique_id"] not in tested
    }
    # Its key follows from those of what it joins; docs/evaluator.md has the reason.
    assert untested == {"int_invoices_classified"}


def test_the_freshness_of_a_load_is_known(sample_home: Home, tmp_path: Path) -> None:
    variables = {
        "lago__raw_location": f"{sample_home.raw}/{{name}}.parquet",
        "lago__absent_columns": [],
        "lago__freshness_hours": 36,
    }
    process = dbt(tmp_path, "source", "freshness", "--vars", json.dumps(variables))
    assert process.returncode == 0, process.stdout
    results = json.loads((tmp_path / "sources.json").read_text())["results"]
    assert [result["status"] for result in results] == ["pass"] * 3
    assert all(0 <= result["max_loaded_at_time_ago_in_s"] < 36 * 3600 for result in results)


def test_a_source_with_an_id_twice_fails_clearly(tmp_path: Path) -> None:
    for table in ("organizations", "billing_entities", "invoices"):
        lines = (PROJECT / "seeds" / "lago" / f"{table}.csv").read_text().splitlines()
        twice = [lines[-1]] if table == "invoices" else []
        (tmp_path / f"{table}.csv").write_text("\n".join([*lines, *twice]) + "\n")
    location = (
        f"read_csv('{tmp_path}/{{name}}.csv', all_varchar = true, allow_quoted_nulls = false)"
    )
    process = dbt(
        tmp_path / "target",
        *("build", "--exclude-resource-type", "unit_test"),
        *("--vars", json.dumps({"lago__raw_location": location})),
    )
    assert process.returncode == 1
    assert "FAIL 1 ids_are_unique_stg_lago__invoices_invoice_id" in process.stdout
    assert "SKIP relation main.invoice_collection" in process.stdout

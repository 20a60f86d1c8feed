"""dbt as an analytics engineer uses it, without the harness."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import CASES
from judged import COLUMNS, DUCKDB, judging_query

from harness.collection.collection import PAYMENT_STATUSES
from harness.foundation.home import PROJECT, Home
from harness.report.chart import STACKED

PACKAGE = "lago_invoice_collection"


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
def sample_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target directory of a build of the sample as of today, all tests passed, its database
    in it."""
    target = tmp_path_factory.mktemp("sample")
    process = dbt(target, "build")
    assert process.returncode == 0, process.stdout
    return target


@pytest.fixture(scope="module")
def manifest(sample_build: Path) -> dict[str, Any]:
    process = dbt(sample_build, "docs", "generate", "--empty-catalog")
    assert process.returncode == 0, process.stdout
    assert "warning" not in process.stdout.lower()
    manifest: dict[str, Any] = json.loads((sample_build / "manifest.json").read_text())
    return manifest


def test_docs_are_generated_without_a_warning_and_describe_everything(
    manifest: dict[str, Any],
) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(models) == 16
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
        "uncollected_invoices",
        "receivables_aging",
        "faulty_invoices",
    }
    exposed = {
        name for each in manifest["exposures"].values() for name in each["depends_on"]["nodes"]
    }
    for mart in marts:
        assert mart["config"]["contract"]["enforced"]
        assert mart["access"] == "public"
        assert mart["unique_id"] in exposed


def test_every_macro_is_described(manifest: dict[str, Any]) -> None:
    ours = [each for each in manifest["macros"].values() if each["package_name"] == PACKAGE]
    engines = ("default", "duckdb", "postgres", "spark", "bigquery", "snowflake", "databricks")
    engines += ("trino", "athena")
    variants = (*(f"{engine}__" for engine in engines), "test_")
    described = {
        each["name"]: [argument["description"] for argument in each["arguments"]]
        for each in ours
        if each["description"]
    }
    assert described.keys() >= {
        each["name"] for each in ours if not each["name"].startswith(variants)
    }
    assert all(all(texts) for texts in described.values())
    page = manifest["docs"][f"doc.{PACKAGE}.__{PACKAGE}__"]["block_contents"]
    names = {node["name"] for node in manifest["nodes"].values()}
    assert set(re.findall("`([a-z_]+)`", page)) <= names


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


def test_a_description_that_changes_is_read_over_what_was_read_before(tmp_path: Path) -> None:
    """dbt-core 1.11 does not find a singular test again that is off, and warnings are errors."""
    project, target = tmp_path / "project", tmp_path / "target"
    ignored = shutil.ignore_patterns(".*", "warehouse", "target", "logs", "harness", "*.duckdb")
    shutil.copytree(PROJECT, project, ignore=ignored)
    described = [file for file in project.rglob("_*.yml") if "description: " in file.read_text()]
    assert len(described) > 8
    assert dbt(target, "parse", "--project-dir", str(project)).returncode == 0
    for file in described:
        file.write_text(re.sub(r"(description: (?:>\s+)?)(?=\w)", r"\1Now, ", file.read_text()))

    process = dbt(target, "parse", "--project-dir", str(project))

    assert process.returncode == 0, process.stdout
    manifest = json.loads((target / "manifest.json").read_text())
    tests = [each for each in manifest["nodes"].values() if each["path"].endswith("_nulls.sql")]
    assert [each["description"][:8] for each in tests] == ["Now, No "]


def test_the_freshness_of_a_load_is_known(sample_home: Home, tmp_path: Path) -> None:
    variables = {
        "lago__raw_location": f"{sample_home.raw}/{{name}}.parquet",
        "lago__absent_columns": [],
        "lago__freshness_hours": 36,
    }
    process = dbt(tmp_path, "source", "freshness", "--vars", json.dumps(variables))
    assert process.returncode == 0, process.stdout
    results = json.loads((tmp_path / "sources.json").read_text())["results"]
    assert [result["status"] for result in results] == ["pass"] * 4
    assert all(0 <= result["max_loaded_at_time_ago_in_s"] < 36 * 3600 for result in results)


def as_of(day: str, **variables: object) -> tuple[str, str]:
    return "--vars", json.dumps(variables | {"lago__as_of_date": day})


@pytest.mark.parametrize("time_zone", ["UTC", "America/New_York"])
def test_every_column_is_judged_whatever_its_type(time_zone: str, sample_build: Path) -> None:
    query = judging_query(sample_build)
    found = {}
    with duckdb.connect(str(sample_build / "dev.duckdb"), read_only=True) as connection:
        connection.execute(f"set timezone = '{time_zone}'")
        for value in DUCKDB:
            connection.execute(f"create or replace temp table given_value as select {value} given")
            reasons = dict(connection.execute(query).fetchall())
            found[value] = tuple(reasons[column] for column in COLUMNS)
    assert found == DUCKDB


def test_no_cast_is_compared_with_an_empty_text() -> None:
    """DuckDB 1.5.5 makes null of `cast(timestamptz as varchar) <> ''`."""
    compared = re.compile(r"(?:\)|\}\})\s*(?:<>|!=|=)\s*''")
    found = [
        f"{path.relative_to(PROJECT)}: {match.group()}"
        for directory in ("models", "macros", "tests/data", "tests/generic")
        for path in (PROJECT / directory).rglob("*.sql")
        for match in compared.finditer(path.read_text())
    ]
    assert not found


def test_payment_statuses_are_numbered_as_in_their_seed() -> None:
    with (PROJECT / "seeds" / "reference" / "payment_statuses.csv").open() as file:
        rows = list(csv.DictReader(file))
    codes = {row["payment_status"]: int(row["code"]) for row in rows}
    assert codes == {status: code for code, status in enumerate(PAYMENT_STATUSES)}
    assert set(STACKED) == set(PAYMENT_STATUSES)


def exclusion_reasons() -> list[dict[str, str]]:
    path = PROJECT / "seeds" / "reference" / "exclusion_reasons.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_reasons_are_tried_in_the_order_of_their_seed() -> None:
    model = PROJECT / "models" / "intermediate" / "int_invoice_groups_classified.sql"
    tried = re.findall(r"when .* then '(\w+)'\n", model.read_text())
    assert tried == [reason["exclusion_reason"] for reason in exclusion_reasons()]
    positions = [int(reason["position"]) for reason in exclusion_reasons()]
    assert positions == list(range(1, len(tried) + 1))


def test_the_rules_list_the_reasons_of_the_seed() -> None:
    expected = [
        f"| `{reason['exclusion_reason']}` | {reason['description']} |"
        + (f" `{reason['column_at_fault']}` |" if reason["is_data_fault"] == "true" else " |")
        for reason in exclusion_reasons()
    ]
    text = (PROJECT / "docs" / "rules.md").read_text().partition("## Why an invoice")[2]
    assert re.findall(r"^\| `.*", text.partition("\n## ")[0], re.M) == expected


def test_names_of_columns_and_deleted_rows_are_variables(tmp_path: Path) -> None:
    """A replica of Lago's API, with marks of deleted rows, ids in any case, times with a zone."""
    written = {
        "organizations": "select '11BEDD82-2BA9-473B-B755-D9BCA18F55BE' as lago_id, 'A' as name,"
        " timestamptz '2026-01-31 20:00:00-08' as created_at, false as gone"
        " union all select 'other', 'B', timestamptz '2026-01-01 00:00:00+00', true",
        "billing_entities": "select '273CEF1E-0B38-4031-8A3C-89851BA4F1BB' as lago_id,"
        " '11bedd82-2ba9-473b-b755-d9bca18f55be' as organization_id, 'paris' as code,"
        " null as archived_at, null as deleted_at, null::boolean as gone"
        " union all select 'x', 'other', 'x', null, null, true",
        "invoices": "select col0 as lago_id, col1 as organization_id,"
        " '273cef1e-0b38-4031-8a3c-89851ba4f1bb' as billing_entity_id, 'finalized' as status,"
        " 'succeeded' as payment_status, date '2026-02-05' as issuing_date, 'EUR' as currency,"
        " col2 as total_amount_cents, false as self_billed,"
        " col3 as payment_dispute_lost_at, col4 as gone from (values"
        " ('i1', '11bedd82-2ba9-473b-b755-d9bca18f55be', 100, null::timestamptz, false),"
        " ('i2', '11BEDD82-2BA9-473B-B755-D9BCA18F55BE', 20, null, null),"
        " ('i3', '11bedd82-2ba9-473b-b755-d9bca18f55be', 3, now(), false),"
        " ('i4', '11bedd82-2ba9-473b-b755-d9bca18f55be', 5000, null, true),"
        " ('i1', 'other', 60000, null, true))",
    }
    for table, query in written.items():
        duckdb.sql(query).write_parquet(str(tmp_path / f"{table}.parquet"))
    variables = as_of(
        "2026-02-28",
        lago__raw_location=f"'{tmp_path}/{{name}}.parquet'",
        lago__id_column="lago_id",
        lago__live_rows="not coalesce(gone, false)",
        lago__customers_table=None,
        lago__absent_columns=[
            *("billing_entity_code", "billing_entities.name", "number", "invoice_type"),
            *("customer_id", "payment_due_date", "total_paid_amount_cents"),
        ],
    )
    process = dbt(tmp_path / "target", "build", "--exclude-resource-type", "unit_test", *variables)
    assert process.returncode == 0, process.stdout
    organization = "11bedd82-2ba9-473b-b755-d9bca18f55be"
    entity = "273cef1e-0b38-4031-8a3c-89851ba4f1bb"
    with duckdb.connect(str(tmp_path / "target" / "dev.duckdb"), read_only=True) as connection:
        assert connection.sql(
            "select organization_id, billing_entity_id, billing_entity_code, invoices_count,"
            " amount_cents from invoice_collection_by_billing_entity"
        ).fetchall() == [(organization, entity, "paris", 2, 120)]
        assert connection.sql(
            "select organization_id, exclusion_reason, invoices_count from invoice_exclusions"
        ).fetchall() == [(organization, "payment_dispute_lost", 1)]
        assert connection.sql("from int_invoices_classified").aggregate("count(*)").fetchall() == [
            (3,)
        ]
        months = connection.sql("from organization_months").fetchall()
    assert [(each[0], str(each[1])) for each in months] == [(organization, "2026-02-01")]


def test_plain_dbt_reads_lagos_tables_as_csv(lago_home: Home, tmp_path: Path) -> None:
    options = "all_varchar = true, allow_quoted_nulls = false"
    location = f"read_csv('{CASES}/lago/raw/{{name}}.csv*', {options})"
    variables = as_of("2026-11-15", lago__raw_location=location, lago__by_customer=True)
    process = dbt(tmp_path, "build", "--exclude-resource-type", "unit_test", *variables)
    assert process.returncode == 0, process.stdout
    with duckdb.connect(str(tmp_path / "dev.duckdb"), read_only=True) as connection:
        connection.execute(f"attach '{lago_home.scratch}/collection.duckdb' as loaded (read_only)")
        marts = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'loaded'"
            " and table_name similar to '(invoice|uncollected|receivables|organization).*'"
        ).fetchall()
        assert len(marts) > 6
        for (mart,) in marts:
            differing = connection.execute(
                f"(from {mart} except all from loaded.{mart})"
                f" union all (from loaded.{mart} except all from {mart})"
            ).fetchall()
            assert not differing, mart


def test_a_source_that_is_wrong_fails_clearly(tmp_path: Path) -> None:
    """An invoice twice, once in upper case, and times that are no moment."""
    for table in ("organizations", "billing_entities", "invoices"):
        lines = (PROJECT / "seeds" / "lago" / f"{table}.csv").read_text().splitlines()
        if table == "invoices":
            id_, _, rest = lines[-1].partition(",")
            lines.append(f"{id_.upper()},{rest}")
        if table == "organizations":
            lines.append("o,Nameless,1719911667,,,,,,")
        if table == "billing_entities":
            lines.append("e,o,code,name,DE,UTC,EUR,NULL,true,,")
        (tmp_path / f"{table}.csv").write_text("\n".join(lines) + "\n")
    location = (
        f"read_csv('{tmp_path}/{{name}}.csv', all_varchar = true, allow_quoted_nulls = false)"
    )
    process = dbt(
        tmp_path / "target",
        *("build", "--store-failures", "--exclude-resource-type", "unit_test"),
        *("--vars", json.dumps({"lago__raw_location": location})),
    )
    assert process.returncode == 1
    moments = "moments_exist_stg_lago__"
    created = f"{moments}organizations_created_at_validity__created_at_given__organization_id"
    archived = f"{moments}billing_entities_archived_at_validity__archived_at__billing_entity_id"
    deleted = f"{moments}billing_entities_deleted_at_validity__deleted_at__billing_entity_id"
    assert set(re.findall(r"FAIL 1 (\w+)", process.stdout)) == {
        "ids_are_unique_stg_lago__invoices_invoice_id",
        "not_null_stg_lago__organizations_created_at",
        *(created, archived, deleted),
    }
    assert "SKIP relation main.invoice_collection" in process.stdout
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    kept = {each["unique_id"].split(".")[2]: each["relation_name"] for each in results}
    with duckdb.connect(str(tmp_path / "target" / "dev.duckdb"), read_only=True) as connection:
        rows = [connection.table(kept[test]).fetchall() for test in (created, archived, deleted)]
    assert rows == [
        [("o", "created_at_given", "1719911667")],
        [("e", "archived_at", "NULL")],
        [("e", "deleted_at", "true")],
    ]

"""This project as a package: the example in examples/consumer, built from a copy of the tables."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from engines import (
    PROJECT,
    SAMPLE,
    SAMPLE_AS_OF,
    Marts,
    dbt,
    differences,
    duckdb_marts,
    summary,
)

EXAMPLE = PROJECT / "examples" / "consumer"


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with this project installed, and the tables that it reads."""
    project = tmp_path_factory.mktemp("package") / "consumer"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("dbt_packages", "target"))
    packages = project / "packages.yml"
    packages.write_text(packages.read_text().replace("../..", str(PROJECT)))
    with duckdb.connect(str(project / "replica.duckdb")) as connection:
        statements = (project / "replica.sql").read_text()
        connection.execute(statements.replace("read_csv('", f"read_csv('{SAMPLE}/"))
    dbt(project, "deps", project=project)
    return project


@pytest.fixture(scope="module")
def build_output(consumer: Path) -> str:
    """What building the example printed."""
    return dbt(consumer, "build", project=consumer, variables={"lago__as_of_date": SAMPLE_AS_OF})


def test_a_consumer_builds_the_marts_from_its_own_tables_into_its_own_schemas(
    consumer: Path, build_output: str, duckdb_sample: Marts
) -> None:
    counts = summary(build_output)
    assert (counts["WARN"], counts["ERROR"], counts["SKIP"]) == (0, 0, 0)
    assert "[WARNING]" not in build_output
    # Their names could clash with those of the consumer's own.
    assert not semantic_manifest(consumer)["metrics"]
    database = consumer / "consumer.duckdb"
    assert not differences(duckdb_sample, duckdb_marts(database, "main_finance"))
    with duckdb.connect(str(database), read_only=True) as connection:
        kinds = dict(
            connection.execute(
                "select table_name, table_type from information_schema.tables"
                " where table_schema = 'main_work'"
            ).fetchall()
        )
        years = connection.execute("select count(*) from collected_per_year").fetchone()
    assert kinds["int_invoices_classified"] == "BASE TABLE"
    assert kinds["stg_lago__invoices"] == "VIEW"
    assert years is not None
    assert years[0] > 0


def test_a_seed_of_a_consumers_own_is_not_read_in_the_place_of_one_of_the_same_name(
    consumer: Path, duckdb_sample: Marts, tmp_path: Path
) -> None:
    project = tmp_path / "consumer"
    shutil.copytree(consumer, project, symlinks=True)
    # Of the sample's currencies it has one.
    (project / "seeds").mkdir()
    (project / "seeds" / "currencies.csv").write_text("currency\nEUR\n")
    configuration = yaml.safe_load((project / "dbt_project.yml").read_text())
    documented = (PROJECT / "docs" / "package.md").read_text().partition("in the same schema:")[2]
    documented = documented.partition("Metrics")[0]
    lines = [line[4:] for line in documented.splitlines() if line.startswith("    ")]
    changes = yaml.safe_load("\n".join(lines))["seeds"]["lago_invoice_collection"]
    configuration["seeds"] = {"lago_invoice_collection": changes}
    (project / "dbt_project.yml").write_text(yaml.safe_dump(configuration))
    dbt(tmp_path, "build", project=project, variables={"lago__as_of_date": SAMPLE_AS_OF})
    database = project / "consumer.duckdb"
    assert not differences(duckdb_sample, duckdb_marts(database, "main_finance"))


def test_extracts_of_the_api_say_neither_which_organization_nor_whose_rows_are(
    consumer: Path, duckdb_sample: Marts, tmp_path: Path
) -> None:
    project = tmp_path / "consumer"
    shutil.copytree(consumer, project, symlinks=True)
    with duckdb.connect(str(project / "replica.duckdb")) as connection:
        connection.execute("use lago_public")
        id_, name, created_at = connection.sql(
            "select id, name, cast(created_at as varchar) from lago_organizations"
            " where name = 'Maplestrand Software Inc.'"
        ).fetchall()[0]
        for table in ("billing_entities", "customers", "invoices"):
            connection.execute(
                f"delete from lago_{table} where organization_id <> '{id_}';"
                f" alter table lago_{table} drop organization_id;"
                f" alter table lago_{table} rename id to lago_id;"
            )
        connection.execute("drop table lago_organizations")
    variables = {
        "lago__as_of_date": SAMPLE_AS_OF,
        "lago__organizations_table": None,
        "lago__id_column": "lago_id",
        "lago__absent_columns": [
            *("billing_entity_code", "organization_id"),
            *("billing_entities.organization_id", "customers.organization_id"),
        ],
    }
    with pytest.raises(AssertionError, match="set lago__organization to"):
        dbt(tmp_path, "build", project=project, variables=variables)
    variables["lago__organization"] = {"id": id_, "name": name, "created_at": created_at}
    dbt(tmp_path, "build", project=project, variables=variables)
    found = duckdb_marts(project / "consumer.duckdb", "main_finance")
    assert not differences(
        {mart: {row for row in rows if row[0] == str(id_)} for mart, rows in duckdb_sample.items()},
        found,
    )


def test_a_consumer_turns_metrics_on(consumer: Path, tmp_path: Path) -> None:
    project = tmp_path / "consumer"
    shutil.copytree(consumer, project, symlinks=True)
    documented = (PROJECT / "docs" / "metrics.md").read_text().partition("To turn them on:")[2]
    lines = [line[4:] for line in documented.splitlines() if line.startswith("    ")]
    configuration = yaml.safe_load((project / "dbt_project.yml").read_text())
    for kind, settings in yaml.safe_load("\n".join(lines)).items():
        for package, changes in settings.items():
            configuration.setdefault(kind, {}).setdefault(package, {}).update(changes)
    (project / "dbt_project.yml").write_text(yaml.safe_dump(configuration))
    dbt(tmp_path, "parse", project=project)
    manifest = semantic_manifest(tmp_path)
    assert (len(manifest["metrics"]), len(manifest["saved_queries"])) == (6, 5)
    schemas = {
        model["name"]: model["node_relation"]["schema_name"]
        for model in manifest["semantic_models"]
    }
    assert schemas == {
        **dict.fromkeys(("invoice_collection", "uncollected_invoices"), "main_finance"),
        "organizations": "main_work",
    }


@pytest.mark.usefixtures("build_output")
def test_a_snapshot_keeps_what_was_known(consumer: Path, tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "operations.md").read_text().partition("## A history")[2]
    definition, query = (
        "\n".join(line[4:] for line in block.splitlines())
        for block in re.findall(r"(?:^    .*\n)+", text, re.M)
    )
    project = tmp_path / "consumer"
    shutil.copytree(consumer, project, symlinks=True)
    (project / "models" / "_snapshots.yml").write_text(definition)
    database = project / "consumer.duckdb"

    def snapshot() -> None:
        dbt(project, "snapshot", project=project, variables={"lago__as_of_date": SAMPLE_AS_OF})

    def march(moment: str) -> dict[str, int]:
        asked = query.replace("from invoice", "from main.invoice").replace("2026-05-01", moment)
        with duckdb.connect(str(database), read_only=True) as connection:
            return {currency: int(cents) for currency, cents in connection.sql(asked).fetchall()}

    snapshot()
    with duckdb.connect(str(database)) as connection:
        (between,) = connection.sql(
            "select max(dbt_valid_from) from invoice_collection_history"
        ).fetchall()
        connection.execute(
            "update main_finance.invoice_collection set amount_cents = amount_cents - 5"
            " where currency = 'JPY' and month = date '2026-03-01'"
        )
        connection.execute(
            "delete from main_finance.invoice_collection"
            " where currency = 'GBP' and month = date '2026-03-01'"
        )
    snapshot()
    before, after = march(str(between[0])), march("2999-01-01")
    assert before.pop("JPY") - 5 == after.pop("JPY")
    assert before.pop("GBP") == 702597
    assert before == after
    assert march("2020-01-01") == {}


def semantic_manifest(directory: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(
        (directory / "target" / "semantic_manifest.json").read_text()
    )
    return manifest


def test_a_consumer_gets_neither_sample_nor_unit_tests(consumer: Path, tmp_path: Path) -> None:
    if not find_spec("dbt.adapters.postgres"):
        pytest.skip("dbt-postgres is not installed; `make test-postgres` installs it")
    # On DuckDB the sample is no seed anyway.
    (tmp_path / "profiles.yml").write_text(
        "consumer: {target: dev, outputs: {dev: {type: postgres, host: nowhere, port: 5432,"
        " user: nobody, password: '', dbname: none, schema: reports, threads: 1}}}\n"
    )
    listed = dbt(
        tmp_path,
        *("ls", "--quiet", "--profiles-dir", str(tmp_path)),
        project=consumer,
        variables={"lago__schema": None},
    ).split()
    assert "lago_invoice_collection.reference.currencies" in listed
    assert not [name for name in listed if name.startswith("lago_invoice_collection.lago.")]
    assert not [name for name in listed if name.startswith("unit_test:")]

"""The same models on a Spark cluster through Thrift, which loses a worker in the middle."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import (
    BY_CUSTOMER,
    LAGO_AS_OF,
    MARTS,
    SAMPLE_AS_OF,
    TABLES,
    Marts,
    contradictions_to_lago,
    dbt,
    differences,
    header,
    marts,
    select,
    strays,
    summary,
    without_examples,
)
from spark_builds import TYPES
from spark_cluster import Cluster, end, running_cluster

COPIES = 300


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master, two workers of one core each, and a Thrift server."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def lago(cluster: Cluster, lago_tables: Path) -> str:
    """The schema of Lago's tables in its own types."""
    cluster.rows("create schema lago")
    for table in TABLES:
        file = lago_tables / f"{table}.csv"
        options = "header true, escape '\"', multiLine true"
        cluster.rows(
            f"create table lago.{table}_text using csv options ({options}) location '{file}'"
        )
        columns = ", ".join(
            f"cast({name} as {TYPES.get(name, 'string')}) as {name}"
            for name in header(file.read_text())
        )
        cluster.rows(
            f"create table lago.{table} using parquet as select {columns} from lago.{table}_text"
        )
        cluster.rows(f"drop table lago.{table}_text")
    return "lago"


def built(cluster: Cluster, schema: str) -> Marts:
    """The marts in a schema, without examples, which are right."""
    assert not cluster.rows(strays(schema))
    return without_examples(marts({mart: cluster.rows(select(mart, schema)) for mart in MARTS}))


def test_the_sample_equals_duckdb_and_every_test_passes(
    cluster: Cluster, duckdb_sample: Marts, tmp_path: Path
) -> None:
    output = dbt(
        tmp_path,
        *("build", "--target", "spark_cluster"),
        variables={"lago__as_of_date": SAMPLE_AS_OF, **BY_CUSTOMER},
        **cluster.environment("sample_marts"),
    )
    counts = summary(output)
    assert (counts["WARN"], counts["ERROR"], counts["SKIP"]) == (0, 0, 0)
    assert not differences(without_examples(duckdb_sample), built(cluster, "sample_marts"))


def test_typed_tables_equal_lago_and_duckdb(
    cluster: Cluster, lago: str, duckdb_lago: Marts, tmp_path: Path
) -> None:
    output = dbt(
        tmp_path,
        *("build", "--target", "spark_cluster", "--exclude-resource-type", "unit_test"),
        variables={"lago__as_of_date": LAGO_AS_OF, "lago__schema": lago, **BY_CUSTOMER},
        **cluster.environment("lago_marts"),
    )
    counts = summary(output)
    assert (counts["WARN"], counts["ERROR"], counts["SKIP"]) == (0, 0, 0)
    found = built(cluster, "lago_marts")
    assert not contradictions_to_lago(found)
    assert not differences(without_examples(duckdb_lago), found)


def test_a_worker_that_dies_in_the_middle_changes_nothing(
    cluster: Cluster, lago: str, duckdb_lago: Marts, tmp_path: Path
) -> None:
    """Each invoice stands there COPIES times, the first time alone with its amount."""
    cluster.rows("create schema many")
    for table in TABLES:
        rows = f"select * from {lago}.{table}"
        if table == "invoices":
            rows = f"""
                select /*+ repartition(16) */
                    * except (id, total_amount_cents, copy),
                    concat(id, '-', copy) as id,
                    if(copy > 0 and total_amount_cents is not null, 0, total_amount_cents)
                        as total_amount_cents
                from {lago}.{table} cross join (select id as copy from range({COPIES}))
            """
        cluster.rows(f"create table many.{table} using parquet as {rows}")
    log = tmp_path / "logs" / "dbt.log"
    pass_over_invoices = "sql table model many_marts.int_invoice_groups "
    seen = []

    def kill_one() -> None:
        while not (log.exists() and f"START {pass_over_invoices}" in log.read_text()):
            time.sleep(0.1)
        time.sleep(1)
        end(cluster.workers["worker_1"])
        seen.append(log.read_text())

    threading.Thread(target=kill_one, daemon=True).start()
    output = dbt(
        tmp_path,
        *("build", "--target", "spark_cluster", "--exclude-resource-type", "unit_test"),
        variables={"lago__as_of_date": LAGO_AS_OF, "lago__schema": "many"},
        **cluster.environment("many_marts"),
    )
    assert [f"created {pass_over_invoices}" in text for text in seen] == [False]
    counts = summary(output)
    assert (counts["WARN"], counts["ERROR"], counts["SKIP"]) == (0, 0, 0)
    found = cluster.rows(select("invoice_collection", "many_marts"))
    assert {tuple(map(str, row)) for row in found} == {
        (*key, str(int(str(count)) * COPIES), cents)
        for *key, count, cents in duckdb_lago["invoice_collection"]
    }

"""The same models on PostgreSQL: the sample, Lago's own types, and text."""

from pathlib import Path

from engines import (
    BY_CUSTOMER,
    LAGO_AS_OF,
    SAMPLE,
    SAMPLE_AS_OF,
    Marts,
    contradictions_to_lago,
    dbt,
    differences,
    summary,
)
from judged import COLUMNS, POSTGRES, judging_query
from postgres import LAGO_TYPES, Server

WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def test_one_command_builds_and_tests_everything_on_the_sample(
    server: Server, duckdb_sample: Marts, tmp_path: Path
) -> None:
    output = dbt(
        tmp_path,
        *("build", "--target", "postgres"),
        variables={"lago__as_of_date": SAMPLE_AS_OF, **BY_CUSTOMER},
        **server.environment("sample_marts"),
    )
    counts = summary(output)
    assert (counts["WARN"], counts["ERROR"], counts["SKIP"]) == (0, 0, 0)
    assert not differences(duckdb_sample, server.marts("sample_marts"))
    query = judging_query(tmp_path / "target")
    connection = server.connect()
    with connection.cursor() as cursor:
        # Compiling such a query takes a hundred times as long as running it.
        cursor.execute("set jit = off")
        for style in ("ISO, MDY", "German, DMY", "SQL, DMY"):
            cursor.execute(f"set datestyle = '{style}'")
            found = {}
            for value in POSTGRES:
                cursor.execute("drop table if exists given_value")
                cursor.execute(f"create temp table given_value as select {value} as given")
                cursor.execute(query)
                reasons = dict(cursor.fetchall())
                found[value] = tuple(reasons[column] for column in COLUMNS)
            assert found == POSTGRES, style
    connection.close()


def test_lagos_own_types_and_nothing_but_select_on_its_tables(
    server: Server, duckdb_lago: Marts, lago_tables: Path, tmp_path: Path
) -> None:
    server.load(lago_tables, "lago", LAGO_TYPES)
    output = dbt(
        tmp_path,
        *("build", "--target", "postgres", *WITHOUT_UNIT_TESTS),
        variables={"lago__as_of_date": LAGO_AS_OF, "lago__schema": "lago", **BY_CUSTOMER},
        **server.environment("lago_marts"),
    )
    counts = summary(output)
    assert (counts["WARN"], counts["ERROR"], counts["SKIP"]) == (0, 0, 0)
    found = server.marts("lago_marts")
    assert not contradictions_to_lago(found)
    assert not differences(duckdb_lago, found)


def test_creation_times_with_a_zone(
    server: Server, duckdb_lago: Marts, lago_tables: Path, tmp_path: Path
) -> None:
    types = LAGO_TYPES | {"created_at": "timestamptz"}
    server.load(lago_tables, "zoned", types)
    # The files' times are UTC; the server took them for its own zone's.
    server.execute(
        "update zoned.organizations set created_at ="
        " cast(created_at as timestamp) at time zone 'UTC'"
    )
    dbt(
        tmp_path,
        *("build", "--target", "postgres", *WITHOUT_UNIT_TESTS),
        variables={"lago__as_of_date": LAGO_AS_OF, "lago__schema": "zoned", **BY_CUSTOMER},
        **server.environment("zoned_marts"),
    )
    assert not differences(duckdb_lago, server.marts("zoned_marts"))


def test_text_columns_under_other_names_with_what_does_not_parse(
    server: Server, duckdb_sample: Marts, tmp_path: Path
) -> None:
    server.load(SAMPLE, "replica", {}, prefix="copied_")
    dbt(
        tmp_path,
        *("build", "--target", "postgres", *WITHOUT_UNIT_TESTS),
        variables={
            "lago__as_of_date": SAMPLE_AS_OF,
            "lago__database": "postgres",
            "lago__schema": "replica",
            "lago__organizations_table": "copied_organizations",
            "lago__billing_entities_table": "copied_billing_entities",
            "lago__customers_table": "copied_customers",
            "lago__invoices_table": "copied_invoices",
            **BY_CUSTOMER,
        },
        **server.environment("replica_marts"),
    )
    assert not differences(duckdb_sample, server.marts("replica_marts"))


def test_no_seed_of_the_sample_is_made_where_lagos_tables_are_elsewhere(
    server: Server, tmp_path: Path
) -> None:
    listed = dbt(
        tmp_path,
        *("ls", "--quiet", "--target", "postgres", "--resource-type", "seed"),
        variables={"lago__schema": "lago"},
        **server.environment("unused"),
    )
    assert "lago_invoice_collection.reference.currencies" in listed
    assert "lago_invoice_collection.lago." not in listed

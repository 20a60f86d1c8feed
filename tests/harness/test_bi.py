"""The published tables as BI tools read them: by SQLAlchemy, pandas, Python and PostgreSQL."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import CASES, Postgres

from harness.collection.version import published
from harness.foundation.home import PROJECT, Home
from harness.foundation.versions import make_current

COPY = PROJECT / "examples" / "copy_to_postgres.py"
TABLES = {
    "invoice_collection",
    "invoice_collection_by_billing_entity",
    "organization_months",
    "invoice_exclusions",
    "currencies",
    "billing_entities",
    "organizations",
    "uncollected_invoices",
    "receivables_aging",
    "faulty_invoices",
}
SUMS = (
    "select currency, sum(invoices_count), sum(amount_cents) from invoice_collection"
    " group by currency order by currency"
)


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    """A copy of the published sample, in which `publish_lago` publishes other figures."""
    shutil.copytree(sample_home.published, tmp_path / "home" / "published", symlinks=True)
    return Home(tmp_path / "home")


def publish_lago(home: Home, lago_home: Home) -> None:
    """Publish another version, of other data, in the way the harness does."""
    staged = home.published / ".new"
    shutil.copytree(published(lago_home).path, staged)
    make_current(staged, published(lago_home).path.name)


def path_of(home: Home) -> Path:
    """The path that the documents name."""
    return home.published / "current" / "invoice_collection.duckdb"


def rows_of(home: Home, query: str = SUMS) -> list[tuple[Any, ...]]:
    """The rows of a query on what is current, read in a process of its own."""
    code = (
        "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True)"
        ".execute(sys.argv[2]).fetchall())"
    )
    command = [sys.executable, "-c", code, path_of(home).resolve(), query]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows: list[tuple[Any, ...]] = eval(output, {})
    return rows


def sample_sums() -> list[tuple[str, int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    with (CASES / "sample.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            count, cents = sums.get(row["currency"], (0, 0))
            sums[row["currency"]] = (
                count + int(row["invoices_count"]),
                cents + int(row["amount_cents"]),
            )
    return [(currency, *figures) for currency, figures in sorted(sums.items())]


@pytest.mark.parametrize(
    ("query", "arguments"),
    [("", {"connect_args": {"read_only": True}}), ("?access_mode=read_only", {})],
    ids=["connect_args", "access_mode"],
)
def test_sqlalchemy_sees_and_explains_every_table_and_cannot_write(
    query: str, arguments: dict[str, Any], sample_home: Home
) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"duckdb:///{path_of(sample_home)}{query}", **arguments)
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine)
    assert set(metadata.tables) == TABLES
    for table in metadata.tables.values():
        assert table.comment
        assert all(column.comment for column in table.columns)
    mart = metadata.tables["invoice_collection"]
    assert {column.name: str(column.type) for column in mart.columns} == {
        "organization_id": "VARCHAR",
        "month": "DATE",
        "payment_status": "VARCHAR",
        "currency": "VARCHAR",
        "invoices_count": "BIGINT",
        "amount_cents": "BIGINT",
    }
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(SUMS)).all()
        with pytest.raises(sqlalchemy.exc.ProgrammingError, match="read-only"):
            connection.execute(sqlalchemy.text("delete from invoice_collection"))
    engine.dispose()
    assert rows == sample_sums()


def test_pandas_reads_integers_as_integers(sample_home: Home) -> None:
    import pandas
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        f"duckdb:///{path_of(sample_home)}", connect_args={"read_only": True}
    )
    frame = pandas.read_sql("select * from invoice_collection", engine)
    engine.dispose()
    assert str(frame["amount_cents"].dtype) == "int64"
    sums = frame.groupby("currency")[["invoices_count", "amount_cents"]].sum()
    assert list(sums.itertuples(name=None)) == sample_sums()


def test_an_open_connection_keeps_the_version_that_it_opened(home: Home, lago_home: Home) -> None:
    path = path_of(home)
    old = duckdb.connect(str(path), read_only=True)
    publish_lago(home, lago_home)
    assert rows_of(home) != sample_sums()
    assert old.execute(SUMS).fetchall() == sample_sums()
    # In the same process, too, the symlink is looked through.
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute(SUMS).fetchall() == rows_of(home)
    assert old.execute(SUMS).fetchall() == sample_sums()
    old.close()


def test_a_pool_keeps_the_old_version_and_no_pool_follows(home: Home, lago_home: Home) -> None:
    import sqlalchemy

    url = f"duckdb:///{path_of(home)}?access_mode=read_only"

    def sums(engine: sqlalchemy.Engine) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(SUMS))]

    pooled = sqlalchemy.create_engine(url)
    assert sums(pooled) == sample_sums()
    publish_lago(home, lago_home)
    assert sums(pooled) == sample_sums()
    pooled.dispose()
    assert sums(pooled) == rows_of(home)
    pooled.dispose()
    unpooled = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    assert sums(unpooled) == rows_of(home)
    previous = sorted(path.name for path in home.published.iterdir() if path.name != "current")
    (home.published / "back").symlink_to(previous[0])
    (home.published / "back").replace(home.published / "current")
    assert sums(unpooled) == rows_of(home)


def test_a_view_of_the_parquet_file_follows_without_reopening(home: Home, lago_home: Home) -> None:
    parquet = home.published / "current" / "invoice_collection.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create view invoice_collection as from '{parquet}'")
        assert connection.execute(SUMS).fetchall() == sample_sums()
        publish_lago(home, lago_home)
        assert connection.execute(SUMS).fetchall() == rows_of(home)


@pytest.fixture
def target(postgres: Postgres) -> Iterator[Postgres]:
    """The server with an empty database `analytics`."""
    postgres.psql("create database analytics", database="postgres")
    yield postgres
    postgres.psql("drop database analytics with (force)", database="postgres")


def copying(home: Home, server: Postgres) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(COPY), str(path_of(home)), "lago_report"],
        env=os.environ
        | {
            "PGHOST": str(server.directory),
            "PGPORT": str(server.port),
            "PGUSER": "postgres",
            "PGDATABASE": "analytics",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def copy(home: Home, server: Postgres) -> None:
    process = copying(home, server)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output


def copied(server: Postgres, query: str) -> str:
    return server.psql(query, database="analytics")


def copied_sums(server: Postgres) -> list[tuple[str, int, int]]:
    lines = copied(server, SUMS.replace(" from ", " from lago_report.")).splitlines()
    return [
        (currency, int(count), int(cents))
        for currency, count, cents in (line.split("|") for line in lines)
    ]


def test_postgresql_gets_all_tables_with_comments_again_and_again(
    home: Home, lago_home: Home, target: Postgres
) -> None:
    copy(home, target)
    assert copied_sums(target) == sample_sums()
    described = copied(
        target,
        "select c.relname, a.attname, obj_description(c.oid) is not null"
        " and col_description(c.oid, a.attnum) is not null from pg_class c"
        " inner join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'lago_report'::regnamespace and c.relkind = 'r'",
    ).split()
    assert {line.split("|")[0] for line in described} == TABLES
    assert all(line.endswith("|t") for line in described)
    types = copied(
        target,
        "select string_agg(format_type(atttypid, atttypmod), ', ' order by attnum)"
        " from pg_attribute where attnum > 0"
        " and attrelid = 'lago_report.invoice_exclusions'::regclass",
    )
    text = "character varying"
    assert types == f"{text}, {text}, date, {text}, bigint, numeric(38,0), {text}\n"
    # What others have made stays theirs.
    copied(
        target,
        "create role viewer; grant usage on schema lago_report to viewer;"
        " grant select on lago_report.invoice_collection to viewer;"
        " create view public.euros as"
        " select * from lago_report.invoice_collection where currency = 'EUR';"
        " create index on lago_report.invoice_collection (month)",
    )
    publish_lago(home, lago_home)
    for _ in range(2):
        copy(home, target)
        for table in TABLES:
            count = copied(target, f"select count(*) from lago_report.{table}")
            assert int(count) == published(home).manifest["rows"][table], table
    assert copied_sums(target) == rows_of(home)
    assert copied(
        target, "set role viewer; select count(*) > 0 from lago_report.invoice_collection"
    ).endswith("t\n")
    assert copied(target, "select count(*) > 0 from public.euros") == "t\n"
    copied(target, "drop owned by viewer; drop role viewer")


def test_readers_of_postgresql_see_old_or_new_and_never_wait(
    home: Home, lago_home: Home, target: Postgres
) -> None:
    copy(home, target)
    publish_lago(home, lago_home)
    # Held in the middle: the tables before this one are already replaced.
    holder = subprocess.Popen(
        [
            *(str(target.programs / "psql"), "-h", str(target.directory), "-p", str(target.port)),
            *("-U", "postgres", "-qAtX", "analytics"),
        ],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin
    holder.stdin.write("begin; lock table lago_report.organization_months in share mode;\n")
    holder.stdin.flush()
    for killed in (True, False):
        process = copying(home, target)
        wait_until_blocked(target)
        assert copied_sums(target) == sample_sums()
        if killed:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            assert copied_sums(target) == sample_sums()
            copied(
                target,
                "select pg_terminate_backend(pid) from pg_locks where not granted",
            )
    holder.communicate("commit;\n", timeout=60)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert copied_sums(target) == rows_of(home)


def wait_until_blocked(server: Postgres) -> None:
    end = time.monotonic() + 30
    while copied(server, "select count(*) from pg_locks where not granted") != "1\n":
        assert time.monotonic() < end, "the copy did not come as far as the held table"
        time.sleep(0.05)


def test_two_copies_at_once_leave_one(home: Home, target: Postgres) -> None:
    both = [copying(home, target), copying(home, target)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert 0 in [process.returncode for process in both], outputs
    assert copied_sums(target) == sample_sums()

"""Loading from a real PostgreSQL server: the same rows as from dumps, and no secret anywhere."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pytest
from conftest import CASES, Harness, Postgres
from test_load import contents, failure, loaded, raw, types

from harness.collection.version import published
from harness.foundation.home import Home
from harness.load.landing import Landing
from harness.load.loading import current_load
from harness.sources import lago_database as postgres_module
from harness.sources.error_texts import server_reason, shortened

SANDBOX = "5bb7fb0f-d8d9-415b-8725-460b8ce504db"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


def figures(home: Home) -> list[Any]:
    """All rows of the landed tables as text, ordered."""
    with duckdb.connect() as connection:
        return [
            connection.execute(
                "select columns(* exclude (_loaded_at))::varchar "
                f"from '{home.raw}/{table}.parquet' order by all"
            ).fetchall()
            for table in ("organizations", "billing_entities", "customers", "invoices")
        ]


@pytest.fixture
def expected(tmp_path: Path) -> list[Any]:
    """What a load of the same data as files lands, the text read in PostgreSQL's types."""
    home = Home(tmp_path / "files")
    home.make()
    loaded(home, CASES / "lago" / "raw")
    kinds = {
        "status": "integer",
        "payment_status": "integer",
        "total_amount_cents": "bigint",
        "total_paid_amount_cents": "bigint",
        "invoice_type": "integer",
        "self_billed": "boolean",
    }
    kinds |= dict.fromkeys(("created_at", "updated_at", "archived_at", "deleted_at"), "timestamp")
    kinds["payment_dispute_lost_at"] = "timestamp"
    for file in home.raw.glob("*.parquet"):
        with duckdb.connect() as connection:
            names = connection.sql(f"from '{file}'").columns
            columns = ", ".join(
                f"cast({name} as {kinds.get(name, 'varchar')}) as {name}" for name in names
            )
            connection.execute(f"create table typed as select {columns} from '{file}'")
            connection.execute(f"copy typed to '{file}' (format parquet)")
    return figures(home)


def test_database_lands_the_rows_of_its_dumps(
    home: Home, postgres: Postgres, expected: list[Any]
) -> None:
    result = loaded(home, postgres.url)
    assert figures(home) == expected
    assert (result.organizations, result.billing_entities) == (3, 8)
    assert (result.read, result.superseded, result.raw) == (20_025, 0, 20_025)
    assert (result.files, result.warnings, result.as_of_date) == ({}, [], None)
    assert result.source == f"postgresql://127.0.0.1:{postgres.port}/lago, schema public"
    assert list(types(home).values()) == [
        *("UUID", "UUID", "UUID", "VARCHAR", "INTEGER", "INTEGER", "DATE", "VARCHAR"),
        *("BIGINT", "BOOLEAN", "TIMESTAMP", "TIMESTAMP", "VARCHAR", "INTEGER", "UUID", "VARCHAR"),
        *("VARCHAR", "DATE", "BIGINT", "TIMESTAMP"),
    ]


def test_published_figures_equal_those_of_the_dumps(
    home: Home, postgres: Postgres, lago_home: Home, harness: Harness
) -> None:
    process = harness("run", "--from", postgres.url, "--as-of", "2026-11-15", home=home)
    assert process.returncode == 0, process.stderr
    ours, theirs = (published(each).collection() for each in (home, lago_home))
    assert ours.organizations == theirs.organizations
    secret = unquote(postgres.password)
    written = [*contents(home.path).values(), process.stdout.encode(), process.stderr.encode()]
    for planted in (secret, postgres.password, "planted"):
        assert not [text for text in written if planted.encode() in text]


def test_one_organization_alone(home: Home, postgres: Postgres) -> None:
    result = loaded(home, postgres.url, organization=SANDBOX)
    assert (result.organizations, result.billing_entities) == (1, 2)
    assert {str(row["organization_id"]) for row in raw(home)} == {SANDBOX}
    assert result.source.endswith(f", organization {SANDBOX}")
    message = failure(home, postgres.url, organization="nobody'")
    assert f'has no organization "nobody\'"; there is: {SANDBOX}' in message


@pytest.mark.parametrize(
    "address",
    [
        "postgres://127.0.0.1:{port}/lago?user=reader&password={password}",
        "postgresql://reader:{password}@localhost:1,127.0.0.1:{port}/lago?connect_timeout=5",
        "postgresql:///lago?host=127.0.0.1&port={port}&user=reader&password={password}",
        "postgresql://",
        "postgresql://?service=lago-test",
    ],
)
def test_what_the_url_leaves_out_comes_from_the_environment(
    home: Home,
    postgres: Postgres,
    harness: Harness,
    tmp_path: Path,
    address: str,
) -> None:
    url = address.format(port=postgres.port, password=postgres.password)
    password = unquote(postgres.password)
    environment = {}
    if url == "postgresql://":
        environment = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "reader"}
        environment |= {"PGPASSWORD": password, "PGDATABASE": "lago"}
    elif "service" in url:
        service = {"host": "127.0.0.1", "port": postgres.port, "user": "reader", "dbname": "lago"}
        lines = [f"{name}={value}" for name, value in {**service, "password": password}.items()]
        (tmp_path / "services").write_text("[lago-test]\n" + "\n".join(lines) + "\n")
        environment = {"PGSERVICEFILE": str(tmp_path / "services")}
    process = harness("load", "--from", url, home=home, **environment)
    assert process.returncode == 0, process.stderr
    assert current_load(home).raw == 20_025
    assert "planted" not in process.stdout + process.stderr + current_load(home).source


def test_all_tables_are_of_one_moment(
    home: Home, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    land: Callable[..., Any] = Landing.land
    added = "ffffffff-0000-0000-0000-000000000000"

    def meanwhile(self: Landing, table: str) -> Any:
        if table == "invoices":
            postgres.psql(
                "insert into invoices (id, organization_id, billing_entity_id, updated_at) "
                f"values ('{added}', '{added}', '{added}', now())"
            )
        return land(self, table)

    monkeypatch.setattr(Landing, "land", meanwhile)
    try:
        assert loaded(home, postgres.url).raw == 20_025
    finally:
        postgres.psql(f"delete from invoices where id = '{added}'")


def test_older_lago_in_another_schema(home: Home, postgres: Postgres) -> None:
    postgres.psql(
        'create schema "an ""older"" lago"',
        'create table "an ""older"" lago".organizations as select * from organizations',
        'create view "an ""older"" lago".invoices as select id, organization_id, status, '
        "payment_status, issuing_date, currency, total_amount_cents from invoices",
        'grant usage on schema "an ""older"" lago" to reader',
        'grant select on all tables in schema "an ""older"" lago" to reader',
    )
    result = loaded(home, postgres.url, schema='an "older" lago')
    entities, columns, customers = result.warnings
    assert result.raw == 20_025
    assert customers == "there is no table of customers: they have no names"
    assert "no table of billing_entities" in entities
    assert "self_billed, payment_dispute_lost_at, updated_at, number, invoice_type," in columns


def test_type_that_could_be_misread_is_refused(home: Home, postgres: Postgres) -> None:
    names = "id, organization_id, status, payment_status, issuing_date, currency"
    postgres.psql(
        "create schema inexact",
        "create table inexact.organizations as select * from organizations",
        f"create table inexact.invoices as select {names}, "
        "total_amount_cents::numeric from invoices",
        "grant usage on schema inexact to reader",
        "grant select on all tables in schema inexact to reader",
    )
    message = failure(home, postgres.url, schema="inexact")
    assert "total_amount_cents has the type DOUBLE and must be an integer or text" in message


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://reader:planted@127.0.0.1:{port}/lago", "password authentication failed"),
        ("postgresql://reader:planted@127.0.0.1:1/lago", "127.0.0.1:1/lago: *refused"),
        ("postgresql://reader:{password}@127.0.0.1:{port}/planned", '"planned" does not exist'),
        ("postgresql://reader:plan/ted@127.0.0.1:{port}/lago", "percent-encode"),
        ("postgresql://reader:plan?ted@127.0.0.1:{port}/lago", "percent-encode"),
        ("postgresql://reader:plan#ted@127.0.0.1:{port}/lago", "percent-encode"),
        ("postgresql://[planted:{port}/lago", "percent-encode"),
        ("postgresql://h/lago?password=planted&sslpassword=planted", "service file"),
        ("postgresql://h/lago?nonsense=planted", "URL has an odd value|invalid connection option"),
        ("postgresql://h:{port}/lago?port=x&password=pl%00anted", "odd value"),
        ("mysql://reader:planted@127.0.0.1/lago", "mysql:// is not supported"),
    ],
)
def test_address_that_does_not_work_is_refused_without_its_secret(
    home: Home, postgres: Postgres, address: str, words: str
) -> None:
    message = failure(home, address.format(port=postgres.port, password=postgres.password))
    assert re.search(words.replace("*", ".*"), message), message
    assert not re.search("planted|plan[^n]|ted@", message)


def test_table_that_cannot_be_read_is_named(home: Home, postgres: Postgres) -> None:
    assert "has no table organizations" in failure(home, postgres.url, schema="nowhere")
    postgres.psql("revoke select on billing_entities from reader")
    try:
        message = failure(home, postgres.url)
    finally:
        postgres.psql("grant select on billing_entities to reader")
    assert "table billing_entities cannot be loaded: " in message
    assert "permission denied" in message
    assert "planted" not in message


READERS = "organizations, billing_entities, invoices"


def tenant(postgres: Postgres, name: str, *commands: str) -> str:
    """A schema with copies of Lago's tables under row-level security; returns its name."""
    postgres.psql(
        f"create schema {name}",
        f"grant usage on schema {name} to public",
        *(
            f"create table {name}.{table} as select * from public.{table}"
            for table in ("organizations", "billing_entities", "customers", "invoices")
        ),
        f"grant select on all tables in schema {name} to public",
        f"set search_path = {name}",
        *commands,
    )
    return name


@pytest.fixture
def schema(postgres: Postgres) -> Iterator[str]:
    """The name of a schema that goes away again, with the role of the test."""
    yield "secured"
    postgres.psql("drop schema if exists secured cascade", "drop role if exists keeper")


HIDING = f"create policy one on invoices using (organization_id <> '{SANDBOX}')"
SECURE = "alter table {} enable row level security"


@pytest.mark.parametrize("table", ["organizations", "billing_entities", "invoices"])
@pytest.mark.parametrize("policy", ["create policy one on {} using (id::text > '8')", ""])
def test_table_whose_rows_may_be_hidden_is_refused(
    home: Home, postgres: Postgres, schema: str, table: str, policy: str
) -> None:
    commands = [SECURE.format(table), *filter(None, [policy.format(table)])]
    message = failure(home, postgres.url, schema=tenant(postgres, schema, *commands))
    assert f"row-level security is in force on {schema}.{table} for the user reader," in message
    assert "BYPASSRLS" in message
    assert "planted" not in message


def test_all_hidden_tables_are_named_before_an_organization_is_missed(
    home: Home, postgres: Postgres, schema: str
) -> None:
    names = ("organizations", "invoices")
    tenant(postgres, schema, *(SECURE.format(name) for name in names))
    message = failure(home, postgres.url, schema=schema, organization=SANDBOX)
    assert f"in force on {schema}.invoices, {schema}.organizations for" in message


@pytest.mark.parametrize(
    ("commands", "refused"),
    [
        # Who has BYPASSRLS sees all rows, and so does the owner of the tables unless forced.
        (["alter role reader bypassrls"], ""),
        ([f"alter table {table} owner to reader" for table in READERS.split(", ")], ""),
        (
            [
                "alter table invoices owner to reader",
                "alter table invoices force row level security",
            ],
            "{}.invoices for the user reader",
        ),
        # A member of the owner is the owner; policies that are not in force hide nothing.
        (
            [
                "create role keeper",
                "alter table invoices owner to keeper",
                "grant keeper to reader",
            ],
            "",
        ),
        (["alter table invoices disable row level security"], ""),
    ],
    ids=["bypassrls", "owner", "forced", "member", "disabled"],
)
def test_row_level_security_that_spares_the_user_hides_nothing(
    home: Home, postgres: Postgres, schema: str, commands: list[str], refused: str
) -> None:
    tenant(postgres, schema, SECURE.format("invoices"), HIDING, *commands)
    try:
        if refused:
            assert refused.format(schema) in failure(home, postgres.url, schema=schema)
        else:
            assert loaded(home, postgres.url, schema=schema).raw == 20_025
    finally:
        postgres.psql("alter role reader nobypassrls")


@pytest.mark.parametrize(
    ("commands", "refused"),
    [
        # A view reads as its owner: here the superuser, the keeper of the table, and others.
        (["create view {}.invoices as select * from invoices"], ""),
        (
            [
                "alter table invoices owner to keeper",
                "create view {}.invoices as select * from invoices",
                "alter view {}.invoices owner to keeper",
            ],
            "",
        ),
        (
            [
                "create view {}.invoices as select * from invoices",
                "alter view {}.invoices owner to keeper",
            ],
            "{}.invoices for the user keeper",
        ),
        (
            [
                "create materialized view {}.invoices as select * from invoices",
                "alter materialized view {}.invoices owner to keeper",
            ],
            "{}.invoices for the user keeper",
        ),
        # One that asks as the invoker reads as the user, inside another view too.
        (
            ["create view {}.invoices with (security_invoker) as select * from invoices"],
            "{}.invoices for the user reader",
        ),
        (
            [
                "create view {}.inner_one with (security_invoker = on) as select * from invoices",
                "create view {}.invoices as select * from {}.inner_one",
            ],
            "{}.invoices for the user reader",
        ),
    ],
    ids=["superuser", "owner", "another", "materialized", "invoker", "nested"],
)
def test_views_are_looked_through(
    home: Home, postgres: Postgres, schema: str, commands: list[str], refused: str
) -> None:
    views = f"{schema}_views"
    tenant(
        postgres,
        schema,
        SECURE.format("invoices"),
        HIDING,
        "create role keeper",
        f"create schema {views}",
        f"grant usage on schema {views} to public",
        f"create view {views}.organizations as select * from organizations",
        *(command.replace("{}", views) for command in commands),
        f"grant select on all tables in schema {views} to public",
    )
    try:
        if refused:
            message = failure(home, postgres.url, schema=views)
            assert refused.format(schema) in message, message
        else:
            assert loaded(home, postgres.url, schema=views).raw == 20_025
    finally:
        postgres.psql(f"drop schema {views} cascade")


@pytest.mark.parametrize("secured", ["invoices", "invoices_1"])
def test_partitions_are_read_under_the_policies_of_their_parent(
    home: Home, postgres: Postgres, schema: str, secured: str
) -> None:
    tenant(
        postgres,
        schema,
        "alter table invoices rename to invoices_1",
        "create table invoices (like invoices_1) partition by list (currency)",
        "alter table invoices attach partition invoices_1 default",
        "grant select on invoices to reader",
        SECURE.format(secured),
    )
    if secured == "invoices":
        assert f"{schema}.invoices for" in failure(home, postgres.url, schema=schema)
    else:
        assert loaded(home, postgres.url, schema=schema).raw == 20_025


def test_reason_of_the_server_is_told_to_its_end(
    home: Home, postgres: Postgres, schema: str
) -> None:
    reason = " ".join(f"word{at}" for at in range(90))
    tenant(
        postgres,
        schema,
        "alter table invoices rename to kept",
        "create function told() returns int language plpgsql as "
        f"$$ begin raise exception 'odd: {reason}'; end $$",
        "create view invoices as select *, 1 / 1 as told from kept where told() = 1",
        "grant select on invoices to reader",
    )
    message = failure(home, postgres.url, schema=schema)
    assert f"table invoices cannot be loaded: ERROR: odd: {reason} CONTEXT" in message
    assert "planted" not in message


@pytest.mark.parametrize(
    "frame",
    [
        "IO Error: Failed to fetch header for COPY: ",
        'Failed to prepare COPY "COPY (SELECT "id" FROM "s"."t") TO STDOUT (FORMAT "binary");": ',
        "IO Error: Unable to read binary COPY data from Postgres: ",
    ],
)
def test_what_duckdb_puts_around_the_reason_is_left_out(frame: str) -> None:
    said = 'server closed the connection unexpectedly\n\tThis "probably": means\n'
    told = 'server closed the connection unexpectedly This "probably": means'
    assert server_reason(frame + said) == told
    assert server_reason(frame) == "the connection to the server is lost"
    assert server_reason("Binder Error: no such column") is None


def test_reason_without_end_is_cut_at_a_word() -> None:
    words = " ".join(["word"] * 1000)
    cut = server_reason(f"IO Error: Failed to fetch header for COPY: ERROR:  {words}\n")
    assert cut == f"ERROR: {words}"
    assert re.fullmatch(r"ERROR: (word ){198}…", shortened(cut))
    assert len(shortened("x" * 5000)) == 1002


@pytest.mark.parametrize("password", ["x", "planted", 'planted": ', "a': planted", 'q": "planted'])
def test_reason_never_holds_the_address(password: str) -> None:
    text = f"IO Error: Unable to connect to Postgres at \"host='h' password='{password}'\": gone"
    assert server_reason(text) == "gone"


LOADS_AND_LOSES = """
import sys, threading
from pathlib import Path
import harness.load.landing as landing
from harness.cli.main import main

copy = landing.Landing.copy

def losing(self, table, *arguments):
    if table == "invoices":
        Path(sys.argv[-1], "copying").touch()
        while Path(sys.argv[-1], "copying").exists():
            threading.Event().wait(0.01)
    return copy(self, table, *arguments)

landing.Landing.copy = losing
main()
"""


@pytest.mark.parametrize("moment", ["before the copy", "in the copy"])
def test_load_that_loses_its_server_is_an_error(
    home: Home, postgres: Postgres, schema: str, moment: str
) -> None:
    first = loaded(home, "sample")
    tenant(
        postgres,
        schema,
        "alter table invoices rename to kept",
        "create function slow(id uuid) returns uuid language plpgsql as "
        "$$ begin perform pg_sleep(0.001); return id; end $$",
        "create view invoices as select slow(id) as id, organization_id, status, payment_status,"
        " issuing_date, currency, total_amount_cents, billing_entity_id from kept",
        "grant select on invoices to reader",
    )
    command = [sys.executable, "-c", LOADS_AND_LOSES] if moment == "before the copy" else []
    command = command or [sys.executable, "-m", "harness"]
    command += ["load", "--from", postgres.url, "--schema", schema, "--home", str(home.path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    waiting = home.path / "copying"
    copying = (
        f'select count(*) from pg_stat_activity where query like \'COPY%"{schema}"."invoices"%\''
    )
    while process.poll() is None:
        if waiting.exists() if moment == "before the copy" else postgres.psql(copying) == "1\n":
            break
        time.sleep(0.02)
    time.sleep(0.3)
    ended = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'"
    assert postgres.psql(ended) == "t\n"
    waiting.unlink(missing_ok=True)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert re.search("invoices cannot be loaded: .*(administrator command|unexpectedly)", errors)
    assert current_load(home) == first
    assert [path.name for path in home.raw.parent.iterdir() if path.name.startswith(".")] == []


def test_options_of_a_database_go_with_no_other_source(home: Home, postgres: Postgres) -> None:
    for options in ({"schema": "lago"}, {"organization": SANDBOX}):
        assert "a database, and --from is the sample" in failure(home, "sample", **options)
    message = failure(home, postgres.url, organizations=Path("x.csv"))
    assert "--organizations goes with a file of invoices, and --from is a database" in message


def test_tables_whose_size_the_server_knows_need_no_more_rights(
    home: Home, postgres: Postgres, expected: list[Any]
) -> None:
    """The reader may read columns alone, which are not those by which rows are numbered."""
    postgres.psql("vacuum analyze invoices")
    loaded(home, postgres.url)
    assert figures(home) == expected


def test_killed_load_leaves_the_current_one_and_can_be_repeated(
    home: Home, postgres: Postgres, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loaded(home, "sample")
    command = [sys.executable, "-m", "harness", "load", "--from", postgres.url]
    command += ["--home", str(home.path)]
    for pause in (0.0, 0.05, 0.2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(home.raw.parent.glob(".*/*.parquet")):
            time.sleep(0.002)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert current_load(home).raw in (first.raw, 20_025)
    with home.locked():
        loaded(home, postgres.url)
    assert figures(home) == expected
    assert len(list(home.raw.parent.iterdir())) == 2


def test_without_the_package_the_extension_comes_from_duckdb(
    home: Home, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extension = postgres_module._packaged_extension()
    assert extension is not None
    # What DuckDB has installed before, in a home directory of its own.
    place = tmp_path / ".duckdb" / "extensions" / "v1.5.5"
    ((platform,),) = duckdb.execute("pragma platform").fetchall()
    (place / platform).mkdir(parents=True)
    (place / platform / extension.name).write_bytes(extension.read_bytes())
    monkeypatch.setattr(postgres_module, "_EXTENSION", "no_such_package")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert loaded(home, postgres.url).raw == 20_025


def test_record_of_the_load_is_plain_json(home: Home, postgres: Postgres) -> None:
    loaded(home, postgres.url)
    assert json.loads((home.raw / "load.json").read_text())["files"] == {}


def test_customers_that_may_not_be_read_are_left_out(home: Home, postgres: Postgres) -> None:
    """A user with the rights that a load needed before there were customers."""
    columns = "number, invoice_type, customer_id, payment_due_date, total_paid_amount_cents"
    postgres.psql(
        f"revoke select ({columns}) on invoices from reader",
        "revoke select on customers from reader",
    )
    try:
        result = loaded(home, postgres.url)
    finally:
        postgres.psql(
            f"grant select ({columns}) on invoices to reader", "grant select on customers to reader"
        )
    lacking, nameless = result.warnings
    assert f"lacks {columns}: taken as null" in lacking
    assert nameless == "there is no table of customers: they have no names"
    assert (result.raw, result.customers) == (20_025, 0)

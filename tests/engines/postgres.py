"""A PostgreSQL server of the tests' own: no port, only a socket in a directory that goes away."""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from engines import MARTS, TABLES, Marts, header, marts, select, table_text

OLDEST = 15
DEBIAN = Path("/usr/lib/postgresql")

# The columns that the models read, with the types that they have in Lago's own database.
LAGO_TYPES = {
    "id": "uuid",
    "organization_id": "uuid",
    "billing_entity_id": "uuid",
    "status": "integer",
    "payment_status": "integer",
    "issuing_date": "date",
    "total_amount_cents": "bigint",
    "self_billed": "boolean",
    "payment_dispute_lost_at": "timestamp",
    "archived_at": "timestamp",
    "deleted_at": "timestamp",
    "created_at": "timestamp",
    "updated_at": "timestamp",
    "invoice_type": "integer",
    "customer_id": "uuid",
    "payment_due_date": "date",
    "total_paid_amount_cents": "bigint",
}
# Somebody who may read Lago's tables, and write nowhere but in schemas of their own.
ANALYST = "analyst"


@dataclass(frozen=True)
class Server:
    """A running server, by the directory of its socket."""

    socket: Path

    def environment(self, schema: str, user: str = ANALYST) -> dict[str, str]:
        """What dbt is told of where to connect and where to write."""
        return {
            "PGHOST": str(self.socket),
            "PGUSER": user,
            "PGDATABASE": "postgres",
            "LAGO_COLLECTION_SCHEMA": schema,
        }

    def connect(self) -> Any:
        """A connection as the superuser."""
        import psycopg2

        connection = psycopg2.connect(host=str(self.socket), user="postgres", dbname="postgres")
        connection.autocommit = True
        return connection

    def execute(self, *statements: str) -> None:
        """Execute statements as the superuser."""
        connection = self.connect()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def load(self, directory: Path, schema: str, types: dict[str, str], prefix: str = "") -> None:
        """Make the tables in a schema that the analyst may only read."""
        self.execute(f"create schema {schema}", f"grant usage on schema {schema} to {ANALYST}")
        connection = self.connect()
        for table in TABLES:
            text = table_text(directory, table)
            columns = ", ".join(f"{name} {types.get(name, 'text')}" for name in header(text))
            with connection.cursor() as cursor:
                cursor.execute(f"create table {schema}.{prefix}{table} ({columns})")
                cursor.copy_expert(
                    f"copy {schema}.{prefix}{table} from stdin (format csv, header)",
                    io.StringIO(text),
                )
        connection.close()
        self.execute(f"grant select on all tables in schema {schema} to {ANALYST}")

    def marts(self, schema: str) -> Marts:
        """The marts in a schema."""
        connection = self.connect()
        rows = {}
        with connection.cursor() as cursor:
            for mart in MARTS:
                cursor.execute(select(mart, schema))
                rows[mart] = cursor.fetchall()
        connection.close()
        return marts(rows)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server and stop it; skip the test where that cannot be."""
    if not find_spec("dbt.adapters.postgres"):
        pytest.skip("dbt-postgres is not installed; `make test-postgres` installs it")
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="lago-postgres-"))
    # The server refuses to run as root.
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(directory, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", directory / "data", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=directory,
            **account,
        )

    options = f"-k {directory} -c listen_addresses='' -c fsync=off -c timezone=America/New_York"
    try:
        run("initdb", "-A", "trust", "-U", "postgres", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "-o", options, "-l", str(directory / "log"), "-w", "start")
        try:
            server = Server(directory)
            server.execute(
                f"create role {ANALYST} login", f"grant create on database postgres to {ANALYST}"
            )
            yield server
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


def _programs() -> Path:
    """The directory of PostgreSQL's own programs, which on Debian is not on the path."""
    installed = {int(path.parts[-3]): path for path in DEBIAN.glob("[0-9]*/bin/initdb")}
    if usable := [version for version in installed if version >= OLDEST]:
        return installed[min(usable)].parent
    if found := shutil.which("initdb"):
        return Path(found).parent
    pytest.skip(f"PostgreSQL {OLDEST} or later is not installed: no initdb in {DEBIAN} or the path")

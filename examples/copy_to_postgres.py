"""Copies the published tables into a schema of a PostgreSQL database, in one transaction.

    python copy_to_postgres.py PUBLISHED SCHEMA

PUBLISHED is a DuckDB file, such as warehouse/published/current/invoice_collection.duckdb. The
database is that of PGHOST, PGUSER, PGPASSWORD, PGDATABASE and libpq's other variables.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb


def copy(published: Path, schema: str) -> None:
    """Copy every table: the first time make it, from then on replace its rows."""
    # The symlink may point elsewhere a moment later.
    file = published.resolve(strict=True)
    with duckdb.connect() as connection:
        load_postgres(connection)
        connection.execute(f"attach {text(str(file))} as published (read_only)")
        connection.execute("attach '' as target (type postgres)")
        connection.execute("begin")
        connection.execute(f"create schema if not exists target.{name(schema)}")
        tables = connection.execute(
            "select table_name, comment from duckdb_tables() where database_name = 'published'"
            " order by table_name"
        ).fetchall()
        for table, comment in tables:
            target = f"{name(schema)}.{name(table)}"
            source = f"published.{name(table)}"
            connection.execute(
                f"create table if not exists target.{target} as from {source} limit 0"
            )
            # Not truncate: that keeps readers waiting until the end of the transaction.
            connection.execute(f"delete from target.{target}")
            connection.execute(f"insert into target.{target} by name from {source}")
            columns = connection.execute(
                "select column_name, comment from duckdb_columns()"
                " where database_name = 'published' and table_name = $1",
                [table],
            ).fetchall()
            statements = [f"comment on table {target} is {text(comment)}"] + [
                f"comment on column {target}.{name(column)} is {text(described)}"
                for column, described in columns
            ]
            for statement in statements:
                connection.execute("call postgres_execute('target', $1)", [statement])
        connection.execute("commit")


def load_postgres(connection: duckdb.DuckDBPyConnection) -> None:
    """Load DuckDB's postgres extension, from its Python package where that is installed."""
    package = find_spec("duckdb_extension_postgres_scanner")
    places = (package.submodule_search_locations or []) if package else []
    files = [file for place in places for file in Path(place).rglob("*.duckdb_extension")]
    connection.execute(
        f"load {text(str(files[0]))}" if files else "install postgres; load postgres"
    )


def name(identifier: str) -> str:
    """An identifier as SQL, whatever its letters."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        copy(Path(sys.argv[1]), sys.argv[2])
    except (OSError, duckdb.Error) as error:
        sys.exit(f"nothing is copied: {error}")

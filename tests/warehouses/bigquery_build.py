"""Builds the project with dbt-bigquery on ZetaSQL, in the environment of `make test-warehouses`.

    python bigquery_build.py DIRECTORY [LAGO_TABLES] -- ARGUMENTS

runs `dbt ARGUMENTS` and writes DIRECTORY/results.json: the status of each node, the messages of
those that failed, and the rows of the marts, as texts. LAGO_TABLES is a directory with CSV files,
which are loaded with Lago's types.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

from bigquery_client import Client
from dbt.adapters.bigquery.connections import BigQueryConnectionManager
from dbt.adapters.contracts.connection import Connection, ConnectionState
from warehouse_build import TYPES, Rows, built
from zetasql_engine import ZetaSql

ENGINE = Path(sys.prefix) / "zetasql.machine"


def main(directory: Path, *words: str) -> None:
    """Builds, and writes the results."""
    place = words.index("--")
    engine = ZetaSql(ENGINE)
    client = Client(engine)
    for tables in words[:place]:
        load(engine, Path(tables))

    def open_connection(connection: Connection) -> Connection:
        connection.handle = client
        connection.state = ConnectionState.OPEN
        return connection

    def query(sql: str) -> Rows:
        return engine.query(sql).values()

    def judging(sql: str) -> Callable[[str], Rows]:
        return lambda value: query(sql.replace("given_value", f"(select {value} as given) as one"))

    BigQueryConnectionManager.open = staticmethod(open_connection)
    built("bigquery", "`{}`", directory, words[place + 1 :], query, judging)


def load(engine: ZetaSql, directory: Path) -> None:
    """Makes Lago's tables of the CSV files in a directory, where an empty field is null."""
    for file in directory.glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        types = {name: TYPES.get(name, "string") for name in header}
        engine.load(file.stem, types, [[text or None for text in row] for row in rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

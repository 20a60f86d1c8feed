"""What dbt-bigquery asks of Google's client, answered by ZetaSQL in this process."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import duckdb
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud import bigquery
from zetasql.core.exceptions import ServerError
from zetasql_engine import Table, ZetaSql

# DDL as dbt-bigquery writes it: the kind, the name, the columns of a contract, and the query.
_CREATED = re.compile(
    r"\s*create or replace (?P<kind>table|view) `\w+`\.`\w+`\.`(?P<name>\w+)`\s*"
    r"(?P<columns>\(.*?\n\s*\)\s*)??(?:OPTIONS\(.*?\n?\s*\)\s*)??"
    r"(?:as \(\n(?P<table>.*)\)|as (?P<view>.*?)) *;\s*",
    re.DOTALL,
)
_NOTHING = re.compile(r"\s*(?:create schema|alter table .* set OPTIONS)", re.DOTALL)


class Rows:
    """The rows of a result, with its schema."""

    def __init__(self, table: Table) -> None:
        self.schema = [bigquery.SchemaField(name, kind) for name, kind in table.types.items()]
        self.rows = [
            bigquery.Row(values, {name: place for place, name in enumerate(table.types)})
            for values in table.values()
        ]

    def __iter__(self) -> Iterator[bigquery.Row]:
        return iter(self.rows)


class Client:
    """One project with one dataset, of which ZetaSQL has the tables."""

    def __init__(self, engine: ZetaSql) -> None:
        self.engine = engine
        self.kinds: dict[str, str] = {}
        """Of each relation, whether it is a TABLE or a VIEW."""

    def query(self, query: str, **_: Any) -> Any:
        """Run a statement; what is returned passes for a finished job."""
        statement = re.sub(r"^\s*/\*.*?\*/", "", query, flags=re.DOTALL)
        try:
            result = self._run(statement)
        except ServerError as error:
            raise BadRequest(f"{error}\n{statement}") from error
        job = dict.fromkeys(("statement_type", "location", "job_id", "project", "slot_millis"))
        return SimpleNamespace(
            result=lambda **_: Rows(result), total_bytes_processed=0, total_bytes_billed=0, **job
        )

    def _run(self, statement: str) -> Table:
        if _NOTHING.match(statement):
            return Table((), [])
        if not statement.lstrip().startswith("create"):
            return self.engine.query(statement)
        created = _CREATED.fullmatch(statement)
        if not created:
            raise BadRequest(f"this is no DDL that is known: {statement}")
        made = self.engine.query(created["table"] or created["view"])
        self._refuse_nulls(created["columns"] or "", made)
        self.engine.tables[created["name"]] = made
        self.kinds[created["name"]] = created["kind"].upper()
        return Table((), [])

    def _refuse_nulls(self, columns: str, made: Table) -> None:
        required = re.findall(r"^\s*,?\s*`?(\w+)`? [^\n]*not null", columns, re.M | re.I)
        for name in required:
            place = list(made.types).index(name)
            if any(row[place] is None for row in made.values()):
                raise BadRequest(f"{name} is null")

    def get_table(self, reference: Any) -> bigquery.Table:
        name = reference.table_id
        if name not in self.engine.tables:
            raise NotFound(name)
        return self._described(reference, name)

    def _described(self, reference: Any, name: str) -> bigquery.Table:
        types = self.engine.tables[name].types
        schema = [bigquery.SchemaField(column, kind) for column, kind in types.items()]
        table = bigquery.Table(reference, schema=schema)
        table._properties["type"] = self.kinds.get(name, "TABLE")
        return table

    def list_tables(self, dataset: Any, **_: Any) -> Iterator[bigquery.Table]:
        return iter([self._described(dataset.table(name), name) for name in self.engine.tables])

    def list_datasets(self, **_: Any) -> list[Any]:
        return [SimpleNamespace(dataset_id="marts")]

    def update_table(self, table: bigquery.Table, fields: list[str]) -> None:
        """Descriptions are taken and forgotten."""

    def delete_table(self, reference: Any, **_: Any) -> None:
        self.engine.tables.pop(reference.table_id, None)

    def load_table_from_file(
        self, file: IO[bytes], table: Any, job_config: bigquery.LoadJobConfig, **_: Any
    ) -> Any:
        """Load a CSV file: as in BigQuery, an empty field is null, an empty text is quoted."""
        types = {field.name: field.field_type for field in job_config.schema}
        with tempfile.NamedTemporaryFile(suffix=".csv") as copy, duckdb.connect() as connection:
            Path(copy.name).write_bytes(file.read())
            rows = connection.execute(
                f"select {', '.join(types)} from read_csv('{copy.name}', header = true,"
                " all_varchar = true, allow_quoted_nulls = false)"
            ).fetchall()
        self.engine.load(table.table_id, types, rows)
        return SimpleNamespace(result=lambda **_: SimpleNamespace(state="DONE", error_result=None))

    def close(self) -> None:
        """Nothing is held."""

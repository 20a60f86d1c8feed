"""dbt's adapters with another engine in the place of the service that they connect to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dbt.adapters.base import BaseRelation
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.sql import SQLAdapter, SQLConnectionManager
from dbt_common.exceptions import DbtDatabaseError

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Result:
    """The columns of a result, name and type, and its rows."""

    columns: Sequence[tuple[str, str]]
    rows: Rows


class Engine(Protocol):
    """What stands for a service: one database."""

    def run(self, sql: str, bindings: Sequence[Any] | None = None) -> Result:
        """The result of a statement or several; raises where one fails."""

    def relations(self, schema: str) -> Iterable[tuple[str, str]]:
        """The relations of a schema: name, and table or view."""

    def columns(self, schema: str | None, name: str) -> Iterable[tuple[str, str]]:
        """The columns of a relation: name and type, as the service names it."""


class Cursor:
    """A result as adapters read it."""

    def __init__(self, result: Result) -> None:
        self._rows = iter(result.rows)
        self.rowcount = len(result.rows)
        self.description = [(name, kind, *[None] * 5) for name, kind in result.columns]

    def fetchall(self) -> Rows:
        return list(self._rows)

    def fetchmany(self, limit: int) -> Rows:
        return [row for row, _ in zip(self._rows, range(limit), strict=False)]

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def get_response(self) -> AdapterResponse:
        return AdapterResponse("OK")

    def close(self) -> None:
        """Nothing is held."""


def stands_in(engine: Engine, adapter: type[SQLAdapter]) -> None:
    """From now on the adapter's statements, and its questions for relations, go to the engine."""
    manager = adapter.ConnectionManager

    def add_query(
        self: Any, sql: str, auto_begin: bool = True, bindings: Any = None, *_: Any, **__: Any
    ) -> tuple[Any, Cursor]:
        try:
            return self.get_thread_connection(), Cursor(engine.run(sql, bindings))
        except Exception as error:
            raise DbtDatabaseError(f"{error}\n{sql}") from error

    def list_relations(self: SQLAdapter, schema_relation: BaseRelation) -> list[BaseRelation]:
        return [
            self.Relation.create(
                database=schema_relation.database,
                schema=schema_relation.schema,
                identifier=name,
                type=kind,
            )
            for name, kind in engine.relations(schema_relation.schema)
        ]

    def columns(self: SQLAdapter, relation: BaseRelation) -> list[Any]:
        found = engine.columns(relation.schema, relation.identifier)
        return [self.Column.from_description(name, kind) for name, kind in found]

    replaced: dict[str, Callable[..., Any]] = {
        "add_query": add_query,
        "execute": SQLConnectionManager.execute,
        "add_select_query": SQLConnectionManager.add_select_query,
        "get_response": classmethod(lambda cls, cursor: cursor.get_response()),
        "get_result_from_cursor": SQLConnectionManager.__dict__["get_result_from_cursor"],
        "data_type_code_to_name": classmethod(lambda cls, code: code),
        **dict.fromkeys(("begin", "commit", "cancel_open"), lambda self: []),
    }
    for name, function in replaced.items():
        setattr(manager, name, function)
    adapter.list_relations_without_caching = list_relations
    adapter.get_columns_in_relation = columns
    adapter.list_schemas = lambda self, database: []
    adapter.check_schema_exists = lambda self, database, schema: False

"""Google's reference implementation of BigQuery's SQL, as tables that queries read and make.

It runs queries only, and knows INT64 by no other name. The session's time zone is that of Los
Angeles, so that what takes it shows.
"""

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import wasmtime
import zetasql.core.wasm_client as client
from zetasql.types import LanguageOptions
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.public import options_pb2, type_pb2, value_pb2

TIME_ZONE = "America/Los_Angeles"
EPOCH = date(1970, 1, 1)
# The names of the types in BigQuery's API, which has INT64 and BOOL under these names, too.
KINDS = {
    "INTEGER": type_pb2.TYPE_INT64,
    "INT64": type_pb2.TYPE_INT64,
    "STRING": type_pb2.TYPE_STRING,
    "BOOLEAN": type_pb2.TYPE_BOOL,
    "BOOL": type_pb2.TYPE_BOOL,
    "DATE": type_pb2.TYPE_DATE,
    "DATETIME": type_pb2.TYPE_DATETIME,
    "TIMESTAMP": type_pb2.TYPE_TIMESTAMP,
    "NUMERIC": type_pb2.TYPE_NUMERIC,
    "FLOAT": type_pb2.TYPE_DOUBLE,
}
NAMES = {kind: name for name, kind in reversed(KINDS.items())}


@dataclass(frozen=True)
class Table:
    """Columns by name and type (of KINDS), and rows as the engine gives them."""

    columns: tuple[tuple[str, Any], ...]
    rows: Sequence[Any]

    @property
    def types(self) -> dict[str, str]:
        """The type of each column, as BigQuery's API names it."""
        return {name: NAMES[column.type_kind] for name, column in self.columns}

    def values(self) -> list[tuple[Any, ...]]:
        """The rows as Python's values; moments as text."""
        return [tuple(_value(cell) for cell in row.cell) for row in self.rows]


class ZetaSql:
    """An engine with its tables, by their last name."""

    def __init__(self, compiled: Path) -> None:
        """compiled is where the engine's machine code is kept, which takes a minute to make."""
        client.Module = _Compiled(compiled)
        self._client = client.WasmClient(get_wasm_path())
        self._client.write_bytes = self._write
        self._client.read_bytes = self._read
        self.tables: dict[str, Table] = {}
        language = LanguageOptions.maximum_features().to_proto()
        language.product_mode = options_pb2.PRODUCT_EXTERNAL
        self._language = language

    def query(self, sql: str) -> Table:
        """The result of a query; raises ServerError where it is not one or fails."""
        sql = re.sub(r"`\w+`\.`\w+`\.(?=`)", "", sql)
        sql = re.sub(r"\b(bigint|integer)\b", "int64", sql)
        request = service.PrepareQueryRequest(sql=sql)
        request.options.language_options.CopyFrom(self._language)
        request.options.default_timezone = TIME_ZONE
        catalog = request.simple_catalog
        catalog.builtin_function_options.language_options.CopyFrom(self._language)
        for name in set(re.findall(r"`(\w+)`", sql)) & self.tables.keys():
            described = catalog.table.add(name=name)
            for column, kind in self.tables[name].columns:
                described.column.add(name=column).type.CopyFrom(kind)
            request.table_content[name].table_data.row.extend(self.tables[name].rows)
        prepared = self._call("PrepareQuery", request, service.PrepareQueryResponse).prepared
        evaluated = self._call(
            "EvaluateQuery",
            service.EvaluateQueryRequest(prepared_query_id=prepared.prepared_query_id),
            service.EvaluateQueryResponse,
        )
        self._call(
            "UnprepareQuery",
            service.UnprepareQueryRequest(prepared_query_id=prepared.prepared_query_id),
            service.EvaluateQueryResponse,
        )
        columns = tuple((column.name, column.type) for column in prepared.columns)
        return Table(columns, evaluated.content.table_data.row)

    def load(self, name: str, types: dict[str, str], rows: Sequence[Sequence[str | None]]) -> None:
        """Makes a table of texts, as BigQuery loads a file; raises KeyError for a type it lacks."""
        kinds = [KINDS[kind.upper()] for kind in types.values()]
        columns = tuple(
            (column, type_pb2.TypeProto(type_kind=kind))
            for column, kind in zip(types, kinds, strict=True)
        )
        made = [
            service.TableData.Row(
                cell=[_cell(text, kind) for text, kind in zip(row, kinds, strict=True)]
            )
            for row in rows
        ]
        self.tables[name] = Table(columns, made)

    def _call(self, method: str, request: Any, response: Any) -> Any:
        return self._client.call_grpc_func(f"ZetaSqlLocalService_{method}", request, response)

    def _write(self, start: int, data: bytes) -> None:
        ctypes.memmove(self._address(start), data, len(data))

    def _read(self, start: int, size: int) -> bytes:
        return ctypes.string_at(self._address(start), size)

    def _address(self, place: int) -> int:
        """A place of the engine's memory in ours; the package copies one byte at a time."""
        return ctypes.addressof(self._client.memory.data_ptr().contents) + place


class _Compiled:
    """In the place of wasmtime's Module: machine code that is made once."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def from_file(self, engine: wasmtime.Engine, path: str) -> wasmtime.Module:
        if not self.place.exists():
            self.place.write_bytes(wasmtime.Module.from_file(engine, path).serialize())
        return wasmtime.Module.deserialize_file(engine, str(self.place))


def _cell(text: str | None, kind: int) -> value_pb2.ValueProto:
    cell = value_pb2.ValueProto()
    if text is None:
        return cell
    if kind == type_pb2.TYPE_INT64:
        cell.int64_value = int(text)
    elif kind == type_pb2.TYPE_STRING:
        cell.string_value = text
    elif kind == type_pb2.TYPE_BOOL:
        cell.bool_value = {"true": True, "t": True, "false": False, "f": False}[text]
    elif kind == type_pb2.TYPE_DATE:
        cell.date_value = (date.fromisoformat(text) - EPOCH).days
    elif kind == type_pb2.TYPE_TIMESTAMP:
        cell.timestamp_value.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
    else:
        raise ValueError(f"no file is loaded with the type {NAMES[kind]}")
    return cell


def _value(cell: value_pb2.ValueProto) -> Any:
    kind = cell.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(cell, kind)
    if kind == "date_value":
        return EPOCH + timedelta(days=value)
    if kind == "numeric_value":
        return Decimal(f"{int.from_bytes(value, 'little', signed=True)}e-9")
    return value if isinstance(value, int | float | str) else str(value)

"""How the used columns of a table land: which they are, in what type, spelt how."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from harness.foundation.errors import HarnessError
from harness.sources.tables import (
    FOLLOW_UP,
    OPTIONAL,
    OWNER,
    TABLES,
    Column,
    Found,
    Rows,
    landing_name,
    mark_of,
)

NULL = "cast(null as varchar)"

# What a column may be, and the type it lands as (None: its own); the first pattern that fits. Other
# types are refused: a double may have lost cents, and a time zone moves an issuing timestamp.
_ANY = r"VARCHAR|U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DECIMAL\(\d+,0\)"
_TYPES: dict[str, tuple[str, dict[str, str | None]]] = {
    "id": ("text, a UUID or an integer", {"UUID": None, _ANY: "VARCHAR"}),
    "text": ("text, a UUID or an integer", {"UUID": None, _ANY: "VARCHAR"}),
    "number": (
        "an integer or text",
        {"INTEGER|BIGINT": None, "U?(TINYINT|SMALLINT|INTEGER)": "BIGINT", _ANY: "VARCHAR"},
    ),
    "date": ("a date or text", {"DATE|VARCHAR": None}),
    "flag": ("a boolean, an integer or text", {"BOOLEAN": None, _ANY: "VARCHAR"}),
    "operation": ("text", {"VARCHAR|ENUM.*": "VARCHAR"}),
    "time": ("a timestamp, a date or text", {"TIMESTAMP.*|DATE|VARCHAR": None}),
    # It is read only where an id occurs more than once, and judged there.
    "version": ("anything", {"TIMESTAMP.*|DATE|VARCHAR": None, ".*": "VARCHAR"}),
}
_UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_ENTITY = {"billing_entity_id", "billing_entity_code"}
# Whose lack needs no warning.
_UNNAMED = {"name", "archived_at", "deleted_at", "customer_external_id", "customer_name"}


class Selection(NamedTuple):
    """What is selected of a table's rows, as SQL by the name that it lands under."""

    columns: dict[str, str]
    marks: dict[str, str]
    """The columns of replication tools, which do not land."""
    unfit: tuple[str, ...] = ()
    """What is left out as its type could be misread, each with its type."""


@dataclass
class Draft:
    """What is to be written of a table."""

    rows: str
    """Where the columns are selected from; numbered by file_row_number."""
    columns: dict[str, str]
    marks: dict[str, str]
    changed: bool = False
    """Whether it is not what the file with the first copy holds already."""


def selection(table: str, found: Found, is_null: Callable[[Column, Rows], bool]) -> Selection:
    """The used columns of a table.

    `is_null` tells whether a column of rows holds nothing but nulls. Raises HarnessError where a
    column is missing, there twice, spelt in no known way, or of a type that could be misread.
    """
    rows, place = found.rows, found.place
    landing = dict.fromkeys(landing_name(column.name) for column in rows.columns)
    others = [name for name in landing if name not in TABLES[table]]
    marks = {name: mark.kind for name in others if (mark := mark_of(name))}
    used: dict[str, str] = TABLES[table] | marks
    given: dict[str, Column] = {}
    for column in rows.columns:
        name = landing_name(column.name)
        if name in given and name in FOLLOW_UP and column.name.lower() != given[name].name.lower():
            if column.name.lower() != name:
                continue
        elif name in given and name in used:
            names = dict.fromkeys((given[name].name, column.name))
            spelt = f" ({' and '.join(names)})" if len(names) > 1 else ""
            raise HarnessError(f"{place} has the column {name} twice{spelt}; remove one")
        given[name] = column
    if table == "organizations" and OWNER in given:
        raise HarnessError(
            f"{place} has {OWNER}, so it is no table of organizations; customers and billing"
            " entities have it"
        )
    required = [
        name
        for name in TABLES[table]
        if name not in given and name not in OPTIONAL and name != OWNER
    ]
    if required and rows.columns:
        raise HarnessError(
            f"{place} lacks {', '.join(required)}, which {table} must have; it has "
            f"{', '.join(each.name for each in rows.columns)}"
        )
    _check_spelling(table, given, place)

    unfit: list[str] = []

    def landed(name: str) -> str:
        spelt = given[name].name.lower()
        # A part may have a type of its own.
        of_parts = (
            (column, part, file)
            for file, part in rows.parts
            for column in part.columns
            if column.name.lower() == spelt
        )
        for column, some, where in (*of_parts, (given[name], rows, place)):
            try:
                sql = _landed(column, used[name], some, where, is_null)
            except HarnessError:
                if name not in FOLLOW_UP:
                    raise
                unfit.append(f"{column.name} ({column.type})")
                return NULL
        return sql

    return Selection(
        {name: landed(name) if name in given else NULL for name in TABLES[table]},
        {name: landed(name) for name in marks},
        tuple(unfit),
    )


def names_owner(found: Found) -> bool:
    """Whether the rows say whose they are, as far as their columns tell."""
    return any(landing_name(column.name) == OWNER for column in found.rows.columns)


def lacking(table: str, rows: Rows) -> list[str]:
    """The optional columns that are not there; those whose lack says nothing are left out."""
    present = {landing_name(column.name) for column in rows.columns}
    missing = [name for name in TABLES[table] if name in OPTIONAL and name not in present]
    if not _ENTITY.issubset(missing):
        missing = [name for name in missing if name not in _ENTITY]
    return [name for name in missing if name not in _UNNAMED and rows.columns]


def _check_spelling(table: str, given: Mapping[str, Column], place: object) -> None:
    """Raise HarnessError where a column that may be missing is there in another spelling."""
    letters = {re.sub(r"[\W_]", "", name): column for name, column in given.items()}
    for name in TABLES[table]:
        odd = letters.get(name.replace("_", ""))
        if odd and name not in given and name not in FOLLOW_UP:
            raise HarnessError(
                f"{place} has {odd.name!r}, which is read as {name} alone; rename it"
            )


def _landed(
    column: Column, kind: str, rows: Rows, place: object, is_null: Callable[[Column, Rows], bool]
) -> str:
    expected, types = _TYPES[kind]
    for pattern, landing in types.items():
        if re.fullmatch(pattern, column.type):
            sql = f"cast({column.sql} as {landing or column.type})"
            if kind == "id" and landing:
                # UUIDs are equal whatever their case.
                return (
                    f"case when lower({sql}) = {sql} then {sql} "
                    f"when regexp_full_match({sql}, '{_UUID}') then lower({sql}) else {sql} end"
                )
            return sql
    # A column of nulls has whatever type its writer gives to nulls.
    if not rows.declared and is_null(column, rows):
        return NULL
    raise HarnessError(
        f"{place}: {column.name} has the type {column.type} and must be {expected}; cast it in "
        f"{'a view' if rows.declared else 'the export'}"
    )

"""Which rows of a table are gone: deleted at the source, or superseded by a newer version."""

from typing import NamedTuple

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.sources.formats import literal
from harness.sources.tables import Mark, mark_of

# In upper case.
_MOMENT = (
    r"\d{4}-\d\d-\d\d([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"
    r"( ?(Z|UTC|GMT|[+-](0\d|1[0-5])(:?[0-5]\d(:?[0-5]\d)?)?))?)?"
)
_MEANINGS = {
    "flag": {
        **dict.fromkeys(("t", "true", "1"), True),
        **dict.fromkeys(("f", "false", "0"), False),
    },
    "operation": {
        **dict.fromkeys(("d", "delete", "deleted"), True),
        **dict.fromkeys(("c", "create", "i", "insert", "r", "read"), False),
        **dict.fromkeys(("u", "update", "upsert"), False),
    },
}
_EXPECTED = {"flag": "true or false", "time": "moment", "operation": "operation such as U or D"}

# What is to be known of a row; DuckDB reads no more than a query asks for.
_JUDGED = """
create or replace temp view judged as
select
    file_row_number,
    {id} as id,
    {updated_at} as updated_at,
    {moment} as moment,
    {is_past} as is_past,
    {is_deleted} as is_deleted
from {rows}
"""

# Sorting the hashes of the ids finds the few that may be there twice in half the time that grouping
# takes.
_REPEATED = """
create or replace temp table repeated as
with

sorted as (
    select hash(id) as hashed, lag(hash(id)) over (order by hash(id)) as previous
    from judged
    where not is_past
)

select *, count(*) over (partition by id) as versions
from judged
where not is_past and hash(id) in (select hashed from sorted where hashed = previous)
"""

# Of the versions of an id the newest counts; of equally new ones the last. One that was deleted is
# as new as any, since a deletion may come without the row's values.
_DROPPED = """
create or replace temp table dropped as
select file_row_number, true as is_deleted from judged where is_past
union all
select file_row_number, true from judged
where is_deleted and not is_past
    and file_row_number not in (select file_row_number from repeated)
union all
select file_row_number, newness = 1 as is_deleted
from (
    select
        file_row_number,
        is_deleted,
        row_number() over (
            partition by id
            order by
                is_deleted and moment is null desc,
                moment desc nulls last,
                is_deleted desc,
                file_row_number desc
        ) as newness
    from repeated
) as versions
where newness > 1 or is_deleted
"""


# Of tables without versions an id that is there twice is a fault, not a choice.
_MARKED = """
create or replace temp table dropped as
select file_row_number, true as is_deleted from judged where is_past or is_deleted
"""


class Dropped(NamedTuple):
    """How many rows do not land."""

    deleted: int
    superseded: int


def is_moment(sql: str) -> str:
    """A condition: the value, of whatever type a moment may have, is a finite moment."""
    return f"{moment(sql)} is not null"


def find_dropped(
    connection: DuckDBPyConnection,
    rows: str,
    columns: dict[str, str],
    marks: dict[str, str],
    place: object,
) -> Dropped:
    """Note the rows that do not land in the table `dropped`; returns how many there are.

    `rows` are numbered, `columns` and `marks` SQL on them. Raises HarnessError where a mark can not
    be told, and where the newest of an id's versions can not.
    """
    _check_marks(connection, rows, marks, place)
    known = {name: _mark(name) for name in marks}
    past = [_gone(known[name], sql) for name, sql in marks.items() if known[name].is_history]
    deleted = [_gone(known[name], sql) for name, sql in marks.items() if not known[name].is_history]
    connection.execute(
        _JUDGED.format(
            id=columns["id"],
            updated_at=columns.get("updated_at", "null"),
            moment=moment(columns.get("updated_at", "null")),
            is_past=" or ".join(past) or "false",
            is_deleted=" or ".join(deleted) or "false",
            rows=rows,
        )
    )
    if "updated_at" not in columns:
        return _counted(connection, _MARKED)
    connection.execute(_REPEATED)
    odd = connection.execute(
        "select cast(id as varchar), versions, cast(updated_at as varchar) from repeated"
        " where versions > 1 and moment is null"
        " and nullif(cast(updated_at as varchar), '') is not null"
        " order by file_row_number limit 1"
    ).fetchone()
    if odd:
        raise HarnessError(
            f"{place}: updated_at of {odd[0]} is {odd[2]!r}, no moment, and the id is there"
            f" {odd[1]} times: which is the newest cannot be told; export updated_at as"
            " YYYY-MM-DD HH:MM:SS"
        )
    return _counted(connection, _DROPPED)


def _counted(connection: DuckDBPyConnection, dropping: str) -> Dropped:
    connection.execute(dropping)
    (counts,) = connection.execute(
        "select count(*) filter (where is_deleted), count(*) filter (where not is_deleted)"
        " from dropped"
    ).fetchall()
    return Dropped(*counts)


def _check_marks(
    connection: DuckDBPyConnection, rows: str, marks: dict[str, str], place: object
) -> None:
    for name, sql in marks.items():
        kind = _mark(name).kind
        known = is_moment(sql) if kind == "time" else f"{_flag(sql, kind)} is not null"
        odd = connection.execute(
            f"select file_row_number + 1, cast({sql} as varchar) from {rows}"
            f" where nullif(cast({sql} as varchar), '') is not null and not ({known}) limit 1"
        ).fetchone()
        if odd:
            raise HarnessError(
                f"{place}: {name} of row {odd[0]} is {odd[1]!r}, no {_EXPECTED[kind]}; whether the"
                " source has deleted the row cannot be told"
            )


def _mark(name: str) -> Mark:
    mark = mark_of(name)
    assert mark
    return mark


def _gone(mark: Mark, sql: str) -> str:
    if mark.kind != "time":
        return f"coalesce({_flag(sql, mark.kind)} = {str(mark.gone).lower()}, false)"
    if mark.is_history:
        # Where a version that is valid has an end, it lies in the future: 9999-12-31, say.
        return f"coalesce({moment(sql)} <= now(), false)"
    return f"nullif(cast({sql} as varchar), '') is not null"


def _flag(sql: str, kind: str) -> str:
    """What a flag, or an operation, says as a boolean; null for other texts."""
    cases = " ".join(f"when '{word}' then {meaning}" for word, meaning in _MEANINGS[kind].items())
    return f"case lower(cast({sql} as varchar)) {cases} end"


def moment(sql: str) -> str:
    """The value as a TIMESTAMPTZ; null where it is none, or infinite."""
    text = f"upper(cast({sql} as varchar))"
    # DuckDB reads a zone only where it stands just so, and after seconds.
    plain = f"regexp_replace(regexp_replace({text}, ' ?(UTC|GMT|Z)$', 'Z'), ' ([+-])', '\\1')"
    plain = f"regexp_replace({plain}, '^(.{{16}})([^:]|$)', '\\1:00\\2')"
    return (
        f"case when typeof({sql}) similar to 'TIMESTAMP.*|DATE' then"
        f" case when isfinite(try_cast({sql} as timestamptz)) then"
        f" try_cast({sql} as timestamptz) end"
        f" when regexp_full_match({text}, {literal(_MOMENT)}) and {text} not like '0000%' then"
        f" try_cast(case when length({text}) > 10 then {plain} else {text} end as timestamptz) end"
    )

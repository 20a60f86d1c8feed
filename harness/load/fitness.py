"""What makes a table unfit to land: rows without an id, an id twice, a moment that is none."""

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.load.versions import is_moment, moment

_WITHOUT_ID = (
    "select count(*), min(file_row_number) + 1 from {} where id is null"
    " or (typeof(id) <> 'UUID' and cast(id as varchar) < '!'"
    r" and not regexp_matches(cast(id as varchar), '\S')) having count(*) > 0",
    "{} of the rows have no id, the first is row {}; every row needs one",
)
_SAME_ID = (
    "select id, count(*) from {} group by id having count(*) > 1 order by id limit 1",
    "the id {} is there {} times; leave one row of each",
)

# How a UUID is spelt that is not in its canonical 36 letters; empty for all other ids.
_HEX = "{8}-?{4}-?{4}-?{4}-?{12}".replace("{", "[0-9a-fA-F]{")
_SPELLING = (
    "case when length(id) not between 32 and 60 or length(id) = 36 then ''"
    rf" when regexp_full_match(id, '\s*(urn:uuid:)?\{{?{_HEX}\}}?\s*')"
    " then length(id) || regexp_matches(id, '[A-F]') else '' end"
)
_BARE = f"lower(replace(regexp_extract(id, '{_HEX}'), '-', ''))"


def _no_moment(thing: str, column: str) -> tuple[str, str]:
    return (
        f"select id, cast({column} as varchar) from {{}} where not coalesce("
        f"nullif(cast({column} as varchar), '') is null or {is_moment(column)}, false) limit 1",
        f"{column} of the {thing} {{}} is {{!r}}, no timestamp; correct it",
    )


_FAULTS = {
    "organizations": [
        ("select count(*) from {} having count(*) = 0", "there are {} rows; it needs one or more"),
        _WITHOUT_ID,
        _SAME_ID,
        (
            "select id, cast(created_at as varchar) from {}"
            f" where {moment('created_at')} < timestamptz '1200-01-01' limit 1",
            "created_at of the organization {} is {!r}, and the report, with a line for each month"
            " since then, is of 800 years at most; correct it",
        ),
        (
            "select id, cast(created_at as varchar) from {} where not coalesce("
            f"{is_moment('created_at')}, false) limit 1",
            "created_at of the organization {} is {!r}, no timestamp; the report starts there",
        ),
    ],
    "billing_entities": [
        _WITHOUT_ID,
        _SAME_ID,
        _no_moment("billing entity", "archived_at"),
        _no_moment("billing entity", "deleted_at"),
    ],
    "customers": [_WITHOUT_ID, _SAME_ID, _no_moment("customer", "deleted_at")],
    "invoices": [_WITHOUT_ID],
}


def check_rows(connection: DuckDBPyConnection, table: str, rows: str, place: object) -> None:
    """Raise HarnessError where the numbered rows of a table make it unfit."""
    for query, fault in _FAULTS[table]:
        for finding in connection.execute(query.replace("{}", rows)).fetchall():
            raise HarnessError(f"{place}: {fault.format(*finding)}")
    _check_spellings(connection, rows, place)


def _check_spellings(connection: DuckDBPyConnection, rows: str, place: object) -> None:
    """Raise HarnessError where a UUID is there in two spellings, one of them not canonical."""
    texts = f"(select cast(id as varchar) as id from {rows} where typeof(id) <> 'UUID')"
    spellings = connection.execute(f"select distinct {_SPELLING} from {texts}").fetchall()
    if len(spellings) > 1:
        for one, other in connection.execute(
            "select odd.id, other.id"
            f" from (select id, {_BARE} as bare from {texts} where {_SPELLING} <> '') as odd"
            f" join (select id, {_BARE} as bare from {texts}) as other using (bare)"
            " where odd.id <> other.id limit 1"
        ).fetchall():
            raise HarnessError(
                f"{place}: the ids {one!r} and {other!r} are one UUID in two spellings; write all"
                " in one"
            )

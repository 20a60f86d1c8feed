"""Words that exporters write for null in text files."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from duckdb import DuckDBPyConnection

from harness.sources.formats import literal

WORDS = (
    *("NULL", "null", r"\N", "NaN", "nan", "NaT", "NA", "N/A", "None", "nil"),
    *("(null)", "[NULL]", "<null>"),
)
"""Blanks alone are null, too."""

# Rows keep these as they are: a name may be any word.
_KEPT = frozenset({"name", "code", "external_id", "customer_name", "customer_external_id"})


def words_in(
    connection: DuckDBPyConnection,
    rows: str,
    columns: Iterable[str],
    keep: Mapping[str, Collection[str]],
) -> dict[str, Counter[str]]:
    """How often each word for null stands in each column of the rows; columns without are left out.

    `keep` are words that are values in a column. Blanks count as the word "" but where they are
    nothing at all, which is how CSV writes null.
    """
    read = [name for name in columns if name not in _KEPT and name != "_loaded_at"]
    conditions = {name: _is_word(name, keep.get(name, ())) for name in read}
    counts = ", ".join(f"count(*) filter (where {each})" for each in conditions.values())
    (found,) = connection.execute(f"select {counts} from {rows}").fetchall()
    return {
        name: Counter(
            dict(
                connection.execute(
                    f"select trim({name}), count(*) from {rows} where {conditions[name]}"
                    " group by all order by all"
                ).fetchall()
            )
        )
        for name, count in zip(read, found, strict=True)
        if count
    }


def without_words(column: str, keep: Collection[str] = ()) -> str:
    """The column as SQL, null where a word says so; `keep` are words that are values there."""
    return f"case when {_is_word(column, keep)} then null else {column} end"


def told(found: Mapping[str, Counter[str]]) -> str:
    """The words, where, and how often: 'NULL' in currency (3), a blank in status (1)."""
    return ", ".join(
        f"{repr(word) if word else 'a blank'} in {column} ({count:,})"
        for column, words in found.items()
        for word, count in words.items()
    )


def _is_word(column: str, keep: Collection[str] = ()) -> str:
    words = ", ".join(literal(word) for word in ("", *WORDS) if word not in keep)
    # What is no word mostly begins otherwise, and comparing costs a tenth of what trimming does.
    begins = " or ".join(
        [f"{column} < '!'"]
        + [
            f"({column} >= {literal(first)} and {column} < {literal(chr(ord(first) + 1))})"
            for first in sorted({word[0] for word in WORDS})
        ]
    )
    return f"case when {begins} then trim({column}, e' \\t\\r\\n') in ({words}) else false end"

"""Builds the project with dbt-trino on DuckDB, in the environment of `make test-warehouses`.

    python trino_build.py DIRECTORY [LAGO_TABLES] -- ARGUMENTS

as bigquery_build.py.
"""

from dbt.adapters.trino.impl import TrinoAdapter
from sqlglot import exp
from translated import Translated, build

NAMES = {
    "TIMESTAMP": "timestamp(6)",
    "TIMESTAMP_MS": "timestamp(3)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(6) with time zone",
}
# What Trino has and DuckDB has not; the difference of dates is a number of days there.
FUNCTIONS = "create macro to_milliseconds(days) as days * 86400000"


def mended(expression: exp.Expression) -> exp.Expression | None:
    """An expression of Trino's in the terms of DuckDB, where sqlglot leaves it as it is."""
    if isinstance(expression, exp.Properties):
        # Of comments, of files, and of who reads what is behind a view.
        return None
    if isinstance(expression, exp.Anonymous) and expression.name.upper() == "AT_TIMEZONE":
        moment, zone = expression.expressions
        return exp.AtTimeZone(this=moment.transform(mended), zone=zone)
    return expression


def engine() -> Translated:
    """A database that takes Trino's SQL."""
    translated = Translated("trino", mended, NAMES)
    translated.connection.execute(FUNCTIONS)
    return translated


if __name__ == "__main__":
    build(engine(), "trino", TrinoAdapter)

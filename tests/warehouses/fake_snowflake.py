"""fakesnow, which runs Snowflake's SQL on DuckDB, mended where it differs from Snowflake.

It adds up in doubles, takes numbers of 38 digits for 64 bits, drops the format of to_char, takes an
untyped null for no text, and knows neither comments of columns, nor temporary tables in a schema,
nor the functions that ask a variant for its type.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import fakesnow
from fakesnow import transforms
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import exp, parse_one

# The types that each function takes out of a variant, as DuckDB names them, and as what.
_TAKEN = {
    "AS_DATE": ("'DATE'", "DATE"),
    "AS_TIMESTAMP_NTZ": (
        "'TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS'",
        "TIMESTAMP_NTZ",
    ),
    "AS_TIMESTAMP_TZ": ("'TIMESTAMP WITH TIME ZONE'", "TIMESTAMP_TZ"),
    "AS_TIMESTAMP_LTZ": ("'none'", "TIMESTAMP_LTZ"),
}
# What to_char is asked for, and the same for DuckDB.
_FORMATS = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "YYYY-MM-DD HH24:MI:SS.FF6": "%Y-%m-%d %H:%M:%S.%f",
    "YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM": "%Y-%m-%d %H:%M:%S.%f%z",
}
_COMMENTS = r"[\s\S]*\balter\s+(table|view)\s[\s\S]* comment \$\$"
_NUMBERS = {
    exp.DataType.Type.BIGINT,
    exp.DataType.Type.INT,
    exp.DataType.Type.SMALLINT,
    exp.DataType.Type.TINYINT,
}


@contextmanager
def snowflake() -> Iterator[None]:
    """The connector, with databases in memory in the place of the service."""
    transform = FakeSnowflakeCursor._transform
    FakeSnowflakeCursor._transform = lambda self, statement, params: transform(
        self, statement.transform(_mended, copy=False), params
    )
    transforms.numeric_agg_implicit_cast = lambda expression: expression
    transforms.integer_precision = _of_38_digits
    with fakesnow.patch(nop_regexes=[_COMMENTS]):
        yield


def _mended(expression: exp.Expression) -> exp.Expression | None:
    if isinstance(expression, exp.TemporaryProperty | exp.CommentColumnConstraint) or (
        isinstance(expression, exp.ColumnConstraint)
        and isinstance(expression.kind, exp.CommentColumnConstraint)
    ):
        return None
    if isinstance(expression, exp.DataType) and expression.this == exp.DataType.Type.NULL:
        return exp.DataType.build("varchar")
    if isinstance(expression, exp.Anonymous) and expression.name.upper() in _TAKEN:
        types, name = _TAKEN[expression.name.upper()]
        (variant,) = expression.expressions
        value = variant.this if isinstance(variant, exp.ToVariant) else variant.expressions[0]
        value = value.transform(_mended).sql("snowflake")
        return parse_one(
            f"case when typeof({value}) in ({types})"
            f" then try_cast(cast({value} as varchar) as {name}) end",
            read="snowflake",
        )
    if isinstance(expression, exp.ToChar) and expression.args.get("format"):
        pattern = exp.Literal.string(_FORMATS[expression.args["format"].name])
        return exp.Anonymous(
            this="strftime", expressions=[expression.this.transform(_mended), pattern]
        )
    return expression


def _of_38_digits(expression: exp.Expression) -> exp.Expression:
    """A whole number of whatever name is a NUMBER(38, 0)."""
    if isinstance(expression, exp.DataType) and (
        expression.this in _NUMBERS
        or (expression.this == exp.DataType.Type.DECIMAL and not expression.expressions)
    ):
        return exp.DataType.build("decimal(38, 0)")
    return expression

"""Values of every type, and how each column that a rule reads must judge them; by hand.

A value stands in one column of an invoice that otherwise counts. The compiled models of the sample
judge it, in one query from the raw row to the exclusion reason.
"""

import re
from collections.abc import Mapping
from pathlib import Path

COLUMNS = ("payment_dispute_lost_at", "issuing_date", "total_amount_cents", "self_billed")
# The first organization of the sample, created in July 2024.
COUNTING = {
    "id": "'11111111-1111-4111-8111-111111111111'",
    "organization_id": "'11bedd82-2ba9-473b-b755-d9bca18f55be'",
    "billing_entity_id": "'273cef1e-0b38-4031-8a3c-89851ba4f1bb'",
    "status": "1",
    "payment_status": "1",
    "issuing_date": "'2026-03-05'",
    "currency": "'EUR'",
    "total_amount_cents": "'100'",
    "self_billed": "'f'",
    "payment_dispute_lost_at": "''",
    **dict.fromkeys(("number", "invoice_type", "customer_id"), "'1'"),
    **dict.fromkeys(("payment_due_date", "total_paid_amount_cents"), "'1'"),
}
MODELS = (
    "staging/lago/stg_lago__invoices",
    "intermediate/int_invoice_groups",
    "intermediate/int_invoice_groups_classified",
)

LOST, NO_TIME = "payment_dispute_lost", "invalid_payment_dispute_lost_at"
NO_DATE, NO_AMOUNT, NO_FLAG = "invalid_issuing_date", "invalid_amount", "invalid_self_billed"
Reasons = tuple[str | None, str | None, str | None, str | None]
NULL: Reasons = (None, "missing_issuing_date", NO_AMOUNT, None)
NOTHING: Reasons = (NO_TIME, NO_DATE, NO_AMOUNT, NO_FLAG)
DATE: Reasons = (LOST, None, NO_AMOUNT, NO_FLAG)
TIME: Reasons = (LOST, NO_DATE, NO_AMOUNT, NO_FLAG)
NUMBER: Reasons = (NO_TIME, NO_DATE, None, NO_FLAG)
YES: Reasons = (NO_TIME, NO_DATE, None, "self_billed")
NO: Reasons = (NO_TIME, NO_DATE, None, None)

# SQL that all engines read, and the reason in each of COLUMNS.
EVERYWHERE: Mapping[str, Reasons] = {
    "null": NULL,
    **{
        f"cast(null as {name})": NULL
        for name in ("boolean", "integer", "bigint", "decimal(9, 2)", "date", "timestamp")
    },
    "''": (None, "missing_issuing_date", NO_AMOUNT, NO_FLAG),
    "' '": NOTHING,
    "'NULL'": NOTHING,
    "'infinity'": NOTHING,
    "'2026-03-05'": DATE,
    "'2026-02-30'": NOTHING,
    "'2026-03-05\n'": NOTHING,
    "'2026-03-05 10:00:00+99:99'": NOTHING,
    "'2026-03-05 10:00:00+00:19:32'": TIME,
    "'2026-03-05 24:00:00'": NOTHING,
    "'0000-03-05'": NOTHING,
    "'\uff12026-03-05'": NOTHING,
    "'2026-03-05T10:00:00Z'": TIME,
    "'1772704800'": NUMBER,
    "'1'": YES,
    "'0'": NO,
    "'TRUE'": (NO_TIME, NO_DATE, NO_AMOUNT, "self_billed"),
    "'F'": (NO_TIME, NO_DATE, NO_AMOUNT, None),
    "'yes'": NOTHING,
    "true": (NO_TIME, NO_DATE, NO_AMOUNT, "self_billed"),
    "false": (NO_TIME, NO_DATE, NO_AMOUNT, None),
    "1": YES,
    "0": NO,
    "-5": NUMBER,
    "cast(1 as smallint)": YES,
    "cast(1772704800 as bigint)": NUMBER,
    "cast(1.5 as double precision)": NOTHING,
    "cast(1.5 as decimal(9, 2))": NOTHING,
    "cast(7 as decimal(18, 0))": NUMBER,
    "date '2026-03-05'": DATE,
    "timestamp '2026-03-05 10:00:00'": TIME,
    "timestamp '2026-03-05 10:00:00.123456'": TIME,
}
_ZONED = "timestamptz '2026-03-05 10:00:00+00'"
DUCKDB: Mapping[str, Reasons] = {
    **EVERYWHERE,
    **{f"cast(null as {name})": NULL for name in ("timestamptz", "uuid", "double", "varchar")},
    **{f"{name} '2026-03-05 10:00:00'": TIME for name in ("timestamp_s", "timestamp_ms")},
    "timestamp_ns '2026-03-05 10:00:00.123456789'": TIME,
    _ZONED: TIME,
    **{f"{name} 'infinity'": NOTHING for name in ("date", "timestamp", "timestamptz")},
    **{f"{name} '-infinity'": NOTHING for name in ("date", "timestamp", "timestamptz")},
    "date '0044-03-15 (BC)'": NOTHING,
    "date '12026-03-05'": NOTHING,
    "uuid '11111111-1111-4111-8111-111111111111'": NOTHING,
    "time '10:00:00'": NOTHING,
    **{
        f"{name} '{year} 10:00:00'": NOTHING
        for name in ("timestamp", "timestamp_s", "timestamp_ms", "timestamptz")
        for year in ("0044-03-15 (BC)", "12026-03-05")
    },
    "timestamp '0001-01-01 00:00:00'": TIME,
    "timestamp '9999-12-31 23:59:59.999999'": TIME,
    "cast('2026-03-05' as enum ('2026-03-05'))": DATE,
    "cast('2026' as blob)": NUMBER,
    "cast('101' as bit)": NUMBER,
    "['2026-03-05']": NOTHING,
    "cast(1 as hugeint)": YES,
    "cast(1 as utinyint)": YES,
    "cast('nan' as double)": NOTHING,
}
POSTGRES: Mapping[str, Reasons] = {
    **{
        value.replace("double precision", "float8"): reasons
        for value, reasons in EVERYWHERE.items()
    },
    **{f"cast(null as {name})": NULL for name in ("timestamptz", "uuid", "float8", "text")},
    _ZONED: TIME,
    **{f"{name} 'infinity'": NOTHING for name in ("date", "timestamp", "timestamptz")},
    **{f"{name} '-infinity'": NOTHING for name in ("date", "timestamp", "timestamptz")},
    "date '0044-03-15 BC'": NOTHING,
    "date '12026-03-05'": NOTHING,
    "uuid '11111111-1111-4111-8111-111111111111'": NOTHING,
    "time '10:00:00'": NOTHING,
    "cast('2026-03-05' as varchar(10))": DATE,
    "cast('NaN' as float8)": NOTHING,
}
SPARK: Mapping[str, Reasons] = {
    **{
        value.replace("double precision", "double"): reasons
        for value, reasons in EVERYWHERE.items()
    },
    **{f"cast(null as {name})": NULL for name in ("timestamp_ntz", "double", "string")},
    "timestamp_ntz '2026-03-05 10:00:00'": TIME,
    "timestamp '2026-03-05 12:00:00+02:00'": TIME,
    "cast('nan' as double)": NOTHING,
}
# Its sessions are in Los Angeles, where the first and the last moment are of other years.
DATABRICKS: Mapping[str, Reasons] = {
    **SPARK,
    "timestamp '2026-03-04 23:00:00 America/Los_Angeles'": TIME,
    "timestamp '0001-01-01 00:00:00+00:00'": TIME,
    "timestamp '9999-12-31 23:59:59.999999+00:00'": TIME,
    "timestamp_ntz '2026-03-05 10:00:00.123456'": TIME,
    "cast(null as binary)": NULL,
    "'+5'": NOTHING,
    "' 12 '": NOTHING,
    "'2026-1-5'": NOTHING,
    "'9223372036854775807'": NUMBER,
    "'9223372036854775808'": NOTHING,
}

_BIGQUERY_TYPES = {
    "cast(null as bigint)": "cast(null as int64)",
    "cast(null as boolean)": "cast(null as bool)",
    "cast(null as integer)": "cast(null as datetime)",
    "cast(null as decimal(9, 2))": "cast(null as numeric)",
    "cast(1 as smallint)": "cast(1 as numeric)",
    "cast(1772704800 as bigint)": "1772704800",
    "cast(1.5 as double precision)": "cast(1.5 as float64)",
    "cast(1.5 as decimal(9, 2))": "numeric '1.5'",
    "cast(7 as decimal(18, 0))": "numeric '7'",
    "'2026-03-05\n'": "'2026-03-05\\n'",
}
BIGQUERY: Mapping[str, Reasons] = {
    **{_BIGQUERY_TYPES.get(value, value): reasons for value, reasons in EVERYWHERE.items()},
    **{f"cast(null as {name})": NULL for name in ("bytes", "float64", "string", "time")},
    "datetime '2026-03-05 10:00:00'": TIME,
    "timestamp '2026-03-05 10:00:00+00'": TIME,
    "timestamp '0001-01-01 00:00:00+00'": TIME,
    "timestamp '9999-12-31 23:59:59.999999+00'": TIME,
    "time '10:00:00'": NOTHING,
    "cast('nan' as float64)": NOTHING,
    "cast('inf' as float64)": NOTHING,
    "'0x10'": NOTHING,
    "'+5'": NOTHING,
    "' 12 '": NOTHING,
    "'2026-1-5'": NOTHING,
    "'9223372036854775807'": NUMBER,
    "'9223372036854775808'": NOTHING,
}
SNOWFLAKE: Mapping[str, Reasons] = {
    **EVERYWHERE,
    **{
        f"cast(null as {name})": NULL
        for name in ("timestamp_tz", "timestamp_ltz", "float", "varchar")
    },
    "cast('2026-03-05 10:00:00+02:00' as timestamp_tz)": TIME,
    "cast('nan' as float)": NOTHING,
    "'+5'": NOTHING,
    "' 12 '": NOTHING,
    "'2026-1-5'": NOTHING,
    "'9223372036854775807'": NUMBER,
    "'9223372036854775808'": NOTHING,
    "9223372036854775807": NUMBER,
    "9223372036854775808": NOTHING,
}

TRINO: Mapping[str, Reasons] = {
    **{
        value.replace("double precision", "double"): reasons
        for value, reasons in EVERYWHERE.items()
    },
    **{
        f"cast(null as {name})": NULL
        for name in ("timestamp(6) with time zone", "timestamp(3)", "uuid", "double", "varchar")
    },
    "cast('2026-03-05 10:00:00+02:00' as timestamp(6) with time zone)": TIME,
    "cast('2026-03-05 10:00:00 America/Los_Angeles' as timestamp(6) with time zone)": TIME,
    "cast('nan' as double)": NOTHING,
    "'+5'": NOTHING,
    "' 12 '": NOTHING,
    "'2026-1-5'": NOTHING,
    "'9223372036854775807'": NUMBER,
    "'9223372036854775808'": NOTHING,
}
ATHENA = TRINO


def judging_query(target: Path) -> str:
    """The query of a column of COLUMNS and the exclusion reason in it, for the only value of the
    relation given_value; target is the directory in which the models of the sample are compiled."""
    compiled = target / "compiled" / "lago_invoice_collection" / "models"
    texts = [(compiled / f"{model}.sql").read_text(encoding="utf-8") for model in MODELS]
    judged = [
        f"select '{column}' as judged, exclusion_reason"
        f" from ({_chained(texts, COUNTING | {column: 'given'})}) as judged_groups"
        for column in COLUMNS
    ]
    return " union all ".join(judged)


def _chained(texts: list[str], columns: Mapping[str, str]) -> str:
    query = ", ".join(f"{value} as {name}" for name, value in columns.items())
    query = f"select {query} from given_value"
    for text in texts:
        # Each model reads the invoices, or what the model before it made of them, first.
        inner = f"select * from ({query}) as chained"
        query = re.sub(r"select \* from .+", lambda _, inner=inner: inner, text, count=1)
    return query

"""Lago-shaped tables of any size, as Parquet files, the same ones at every run.

    python benchmarks/generate.py OUT_DIR --invoices 10000000

writes organizations.parquet, billing_entities.parquet, invoices.parquet and customers.parquet. All
that varies from invoice to invoice derives from the hash of its number, so nothing depends on
chance or on the order of execution. The invoices come in the order of their creation, as a dump of
a live table does.
"""

import argparse
from datetime import date
from pathlib import Path

import duckdb

ORGANIZATIONS = 12
FIRST_MONTH = date(2023, 7, 1)
LAST_MONTH = date(2026, 6, 1)
AS_OF_DATE = date(2026, 6, 30)
TABLES = ("organizations", "billing_entities", "invoices", "customers")

MEMORY_LIMIT = "1500MB"

# How many times as many invoices the last month has as the first.
GROWTH = 4

MACROS = """
-- A number from 0 to 1 that looks random: another one for each row and each thing drawn. The hash
-- of two values is not enough: for another thing it differs by the same bits in every row.
create temp macro draw(row_number, thing) as
    cast(hash(hash(row_number, thing)) >> 11 as double) / 9007199254740992;
-- 0 most often, each next number `base` times as rarely.
create temp macro rank_drawn(row_number, thing, base) as
    cast(floor(-ln(1 - draw(row_number, thing)) / ln(base)) as integer);
create temp macro id_of(kind, number) as cast(md5(kind || number) as uuid);
"""

# Columns as in Lago's tables, the ones without a bearing on the report cut down to a few.
ORGANIZATIONS_SQL = f"""
create temp table organizations as
select
    number,
    id_of('organization', number) as id,
    'Organization ' || number as name,
    timestamp '{FIRST_MONTH} 08:00:00' + to_hours(number) as created_at,
    timestamp '{FIRST_MONTH} 08:00:00' + to_days(number) as updated_at,
    ['US', 'DE', 'GB', 'JP', 'CA', 'IN'][1 + number % 6] as country,
    'UTC' as timezone,
    ['USD', 'EUR', 'GBP', 'JPY', 'CAD', 'INR'][1 + number % 6] as default_currency,
    'ORG-' || number as document_number_prefix,
    'organization-' || number as slug
from range({ORGANIZATIONS}) as numbers (number)
"""

# One to three of each organization; the third of each is archived.
BILLING_ENTITIES_SQL = """
create temp table billing_entities as
select
    organizations.number as organization_number,
    numbers.number,
    id_of('billing entity', organizations.number * 3 + numbers.number) as id,
    organizations.id as organization_id,
    ['default', 'europe', 'legacy'][1 + numbers.number] as code,
    organizations.name || ', entity ' || numbers.number as name,
    organizations.country,
    organizations.timezone,
    organizations.default_currency,
    case when numbers.number = 2 then organizations.created_at + to_days(900) end as archived_at,
    cast(null as timestamp) as deleted_at,
    organizations.created_at,
    organizations.updated_at
from organizations
inner join range(3) as numbers (number) on organizations.number % 3 >= numbers.number
"""

# $versions is the share of invoices that also have an older version, from before their payment.
INVOICES_SQL = f"""
with

versions as (
    select number, false as is_older from range($invoices) as numbers (number)
    union all
    select number, true from range($invoices) as numbers (number)
    where draw(number, 'version') < $versions
),

drawn as (
    select
        number,
        is_older,
        timestamp '{FIRST_MONTH}' + to_microseconds(cast(
            ln(1 + number / $invoices * ({GROWTH} - 1)) / ln({GROWTH})
            * date_diff(
                'microsecond',
                timestamp '{FIRST_MONTH}',
                timestamp '{LAST_MONTH}' + interval 1 month
            ) as bigint
        )) as created_at,
        least(rank_drawn(number, 'organization', 1.7), {ORGANIZATIONS - 1}) as organization_number,
        rank_drawn(number, 'billing entity', 4) as billing_entity_rank,
        least(rank_drawn(number, 'currency', 4), 5) as currency_rank,
        draw(number, 'status') as status_drawn,
        draw(number, 'payment') as payment_drawn,
        draw(number, 'type') as type_drawn,
        draw(number, 'self-billed') < 0.003 as self_billed,
        draw(number, 'dispute') < 0.002 as is_dispute_lost,
        -- About one customer for every 40 invoices of each organization.
        cast(floor(
            draw(number, 'customer') * $invoices / 97
            / pow(1.7, least(rank_drawn(number, 'organization', 1.7), {ORGANIZATIONS - 1}))
        ) as bigint) as customer_number,
        cast(floor(draw(number, 'grace') * 4) as integer) as grace_days,
        cast(exp(6 + 6 * draw(number, 'fees')) as bigint) as fees_amount_cents,
        draw(number, 'coupon') < 0.05 as has_coupon,
        draw(number, 'credit note') < 0.02 as has_credit_note
    from versions
),

decided as (
    select
        *,
        least(billing_entity_rank, organization_number % 3) as billing_entity_number,
        case
            when status_drawn < 0.93 then 1
            when status_drawn < 0.96 then 0
            when status_drawn < 0.98 then 2
            when status_drawn < 0.988 then 6
            when status_drawn < 0.993 then 4
            when status_drawn < 0.996 then 5
            when status_drawn < 0.998 then 7
            when status_drawn < 0.999 then 3
            else 8
        end as status,
        case when has_coupon then fees_amount_cents // 10 else 0 end as coupons_amount_cents,
        case when has_credit_note then fees_amount_cents // 20 else 0 end
            as credit_notes_amount_cents,
        [0, 10, 19, 20][1 + organization_number % 4] as taxes_rate
    from drawn
),

added_up as (
    select
        *,
        case
            when is_older or status in (0, 3, 5) then 0
            when payment_drawn < 0.8 then 1
            when payment_drawn < 0.93 then 0
            else 2
        end as payment_status,
        cast(created_at as date) + grace_days as issuing_date,
        (fees_amount_cents - coupons_amount_cents) * taxes_rate // 100 as taxes_amount_cents
    from decided
)

select
    id_of('invoice', invoices.number) as id,
    invoices.created_at,
    invoices.created_at + to_hours(case when is_older then 1 else 100 end) as updated_at,
    case when status not in (0, 3, 5) or grace_days > 0 then issuing_date end as issuing_date,
    taxes_amount_cents,
    fees_amount_cents - coupons_amount_cents + taxes_amount_cents - credit_notes_amount_cents
        as total_amount_cents,
    case when type_drawn < 0.9 then 0 when type_drawn < 0.95 then 3 else 1 end as invoice_type,
    payment_status,
    printf('ORG-%d-%d-%d', invoices.organization_number, customer_number, invoices.number)
        as number,
    cast(invoices.number // 40 as integer) as sequential_id,
    id_of('customer', invoices.organization_number * 100000000 + customer_number) as customer_id,
    cast(taxes_rate as double) as taxes_rate,
    cast(status as integer) as status,
    billing_entities.timezone,
    case when payment_status = 0 then 0 else 1 end as payment_attempts,
    payment_status <> 1 as ready_for_payment_processing,
    billing_entities.organization_id,
    4 as version_number,
    case
        when status <> 0 or grace_days > 0
            then ['USD', 'EUR', 'GBP', 'JPY', 'CAD', 'INR'][
                1 + (invoices.organization_number + currency_rank) % 6
            ]
    end as currency,
    fees_amount_cents,
    coupons_amount_cents,
    credit_notes_amount_cents,
    issuing_date + 30 as payment_due_date,
    30 as net_payment_term,
    case when is_dispute_lost then invoices.created_at + to_days(60) end as payment_dispute_lost_at,
    payment_status = 2 as payment_overdue,
    case when payment_status = 1 then fees_amount_cents - coupons_amount_cents + taxes_amount_cents
        - credit_notes_amount_cents else 0 end as total_paid_amount_cents,
    self_billed,
    billing_entities.id as billing_entity_id,
    case when status in (1, 2) then invoices.created_at + to_hours(1) end as finalized_at
from added_up as invoices
inner join billing_entities
    on
        invoices.organization_number = billing_entities.organization_number
        and invoices.billing_entity_number = billing_entities.number
"""


CUSTOMERS_SQL = """
select
    customer_id as id,
    organization_id,
    'customer-' || left(cast(customer_id as varchar), 8) as external_id,
    'Customer ' || left(cast(customer_id as varchar), 8) as name,
    cast(null as timestamp) as deleted_at
from (select distinct customer_id, organization_id from read_parquet('{invoices}'))
"""


def generate(directory: Path, invoices: int, versions: float = 0.0) -> None:
    """Write the tables to `directory`; a file under its own name is complete."""
    directory.mkdir(parents=True, exist_ok=True)
    queries = {
        "organizations": "select * exclude (number) from organizations",
        "billing_entities": "select * exclude (organization_number, number) from billing_entities",
        "invoices": INVOICES_SQL,
        "customers": CUSTOMERS_SQL.format(invoices=directory / "invoices.parquet"),
    }
    spilled = str(directory / "spilled")
    with duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "temp_directory": spilled}
    ) as connection:
        for statement in (MACROS, ORGANIZATIONS_SQL, BILLING_ENTITIES_SQL):
            connection.execute(statement)
        for table in TABLES:
            unfinished = directory / f"{table}.unfinished"
            parameters: dict[str, object] = {"path": str(unfinished)}
            if table == "invoices":
                parameters |= {"invoices": invoices, "versions": versions}
            connection.execute(f"copy ({queries[table]}) to $path (format parquet)", parameters)
            unfinished.rename(directory / f"{table}.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description="Generate Lago-shaped tables as Parquet files.")
    parser.add_argument("directory", type=Path, metavar="OUT_DIR")
    parser.add_argument("--invoices", type=int, default=10_000_000, help="default: %(default)s")
    parser.add_argument(
        "--versions",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of invoices that have an older version too, such as 0.01; default: none",
    )
    arguments = parser.parse_args()
    generate(arguments.directory, arguments.invoices, arguments.versions)


if __name__ == "__main__":
    main()

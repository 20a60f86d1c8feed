-- What does not add up between the raw invoices, read here from the source itself, and (1) the
-- groups that int_invoice_groups made of them, (2) what was collected and what was excluded: per
-- organization in counts, per organization and currency in cents.
with

raw_invoices as (
    select * from {{ source('lago', 'invoices') }}
    {{ live_rows() }}
),

collected as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection') }}
),

excluded as (
    select * from {{ ref('lago_invoice_collection', 'invoice_exclusions') }}
),

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups') }}
),

parsed as (
    select
        {{ organization_id('invoices') }} as organization_id,
        {{ month_of(parse_date('issuing_date')) }} as month,
        status,
        payment_status,
        currency,
        {{ optional_column('self_billed') }} as self_billed,
        {{ optional_column('payment_dispute_lost_at') }} as payment_dispute_lost_at,
        {{ parse_amount_cents('total_amount_cents') }} as amount_cents
    from raw_invoices
),

raw_groups as (
    select
        organization_id,
        month,
        status,
        payment_status,
        currency,
        self_billed,
        payment_dispute_lost_at,
        count(*) as invoices_count,
        coalesce({{ exact_sum('amount_cents') }}, 0) as amount_cents
    from parsed
    group by
        organization_id,
        month,
        status,
        payment_status,
        currency,
        self_billed,
        payment_dispute_lost_at
),

raw_typed as (
    select
        {{ id_text('organization_id') }} as organization_id,
        month,
        cast(status as {{ type_string() }}) as status_code,
        cast(payment_status as {{ type_string() }}) as payment_status_code,
        cast(currency as {{ type_string() }}) as currency,
        cast(self_billed as {{ type_string() }}) as self_billed,
        {{ moment_validity('payment_dispute_lost_at') }} as payment_dispute_lost_at_validity,
        invoices_count,
        amount_cents
    from raw_groups
),

group_entries as (
    select
        organization_id,
        month,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity,
        invoices_count,
        amount_cents
    from raw_typed
    union all
    select
        organization_id,
        month,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity,
        -invoices_count as invoices_count,
        -cast(amount_cents as {{ exact_type() }}) as amount_cents
    from invoice_groups
),

mart_entries as (
    select
        organization_id,
        currency,
        invoices_count,
        amount_cents
    from raw_typed
    union all
    select
        organization_id,
        currency,
        -invoices_count as invoices_count,
        -cast(amount_cents as {{ exact_type() }}) as amount_cents
    from collected
    union all
    select
        organization_id,
        currency,
        -invoices_count as invoices_count,
        -cast(amount_cents as {{ exact_type() }}) as amount_cents
    from excluded
),

balances as (
    select
        'int_invoice_groups' as compared,
        organization_id,
        month,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity,
        sum(invoices_count) as raw_invoices_surplus,
        sum(amount_cents) as raw_cents_surplus
    from group_entries
    group by
        organization_id,
        month,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity
    union all
    select
        'collected and excluded' as compared,
        organization_id,
        null as month,
        null as status_code,
        null as payment_status_code,
        currency,
        null as self_billed,
        null as payment_dispute_lost_at_validity,
        sum(invoices_count) as raw_invoices_surplus,
        sum(amount_cents) as raw_cents_surplus
    from mart_entries
    group by
        organization_id,
        currency
)

select * from balances
where raw_invoices_surplus <> 0 or raw_cents_surplus <> 0

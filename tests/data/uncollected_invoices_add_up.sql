-- What does not add up between the pending and failed cells of invoice_collection and (1) the
-- invoices in uncollected_invoices, (2) receivables_aging and what was paid, per organization and
-- currency.
with

collected as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection') }}
),

uncollected_invoices as (
    select * from {{ ref('lago_invoice_collection', 'uncollected_invoices') }}
),

receivables_aging as (
    select * from {{ ref('lago_invoice_collection', 'receivables_aging') }}
),

open_cells as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        invoices_count,
        cast(amount_cents as {{ exact_type() }}) as amount_cents,
        cast(0 as {{ exact_type() }}) as paid_amount_cents
    from collected
    where payment_status <> 'succeeded'
),

listed_cells as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        count(*) as invoices_count,
        cast({{ exact_sum('amount_cents') }} as {{ exact_type() }}) as amount_cents,
        cast(coalesce({{ exact_sum('paid_amount_cents') }}, 0) as {{ exact_type() }})
            as paid_amount_cents
    from uncollected_invoices
    group by
        organization_id,
        month,
        payment_status,
        currency
),

cell_entries as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        invoices_count,
        amount_cents
    from open_cells
    union all
    select
        organization_id,
        month,
        payment_status,
        currency,
        -invoices_count as invoices_count,
        -cast(amount_cents as {{ exact_type() }}) as amount_cents
    from listed_cells
),

due_entries as (
    select
        organization_id,
        currency,
        invoices_count,
        amount_cents
    from open_cells
    union all
    select
        organization_id,
        currency,
        0 as invoices_count,
        -paid_amount_cents as amount_cents
    from listed_cells
    union all
    select
        organization_id,
        currency,
        -invoices_count as invoices_count,
        -due_amount_cents as amount_cents
    from receivables_aging
),

balances as (
    select
        'uncollected_invoices' as compared,
        organization_id,
        currency,
        month,
        payment_status,
        sum(invoices_count) as invoices_surplus,
        sum(amount_cents) as cents_surplus
    from cell_entries
    group by
        organization_id,
        month,
        payment_status,
        currency
    union all
    select
        'receivables_aging' as compared,
        organization_id,
        currency,
        null as month,
        null as payment_status,
        sum(invoices_count) as invoices_surplus,
        sum(amount_cents) as cents_surplus
    from due_entries
    group by
        organization_id,
        currency
)

select * from balances
where invoices_surplus <> 0 or cents_surplus <> 0

-- Cells of invoice_collection that are not the sum of their customers.
with

collected as (
    select * from {{ ref('invoice_collection') }}
),

collected_by_customer as (
    select * from {{ ref('invoice_collection_by_customer') }}
),

entries as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        invoices_count,
        cast(amount_cents as decimal(38, 0)) as amount_cents
    from collected
    union all
    select
        organization_id,
        month,
        payment_status,
        currency,
        -invoices_count as invoices_count,
        -cast(amount_cents as decimal(38, 0)) as amount_cents
    from collected_by_customer
),

balances as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        sum(invoices_count) as invoices_surplus,
        sum(amount_cents) as cents_surplus
    from entries
    group by
        organization_id,
        month,
        payment_status,
        currency
)

select * from balances
where invoices_surplus <> 0 or cents_surplus <> 0

with

collection as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection') }}
),

collected as (
    select
        organization_id,
        extract(year from month) as year,
        currency,
        cast(sum(invoices_count) as bigint) as invoices_count,
        cast(sum(amount_cents) as decimal(38, 0)) as amount_cents
    from collection
    where payment_status = 'succeeded'
    group by
        organization_id,
        extract(year from month),
        currency
)

select * from collected

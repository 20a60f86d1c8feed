with

collected_by_billing_entity as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection_by_billing_entity') }}
),

collected as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        cast(sum(invoices_count) as bigint) as invoices_count,
        cast({{ exact_sum('amount_cents') }} as bigint) as amount_cents
    from collected_by_billing_entity
    group by
        organization_id,
        month,
        payment_status,
        currency
)

select * from collected

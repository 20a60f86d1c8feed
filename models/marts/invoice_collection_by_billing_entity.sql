with

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups_classified') }}
),

collected as (
    select
        organization_id,
        billing_entity_id,
        billing_entity_code,
        month,
        payment_status,
        currency,
        cast(sum(invoices_count) as bigint) as invoices_count,
        cast(sum(amount_cents) as bigint) as amount_cents
    from invoice_groups
    where exclusion_reason is null
    group by
        organization_id,
        billing_entity_id,
        billing_entity_code,
        month,
        payment_status,
        currency
)

select * from collected

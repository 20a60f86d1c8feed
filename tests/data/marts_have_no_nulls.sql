-- Rows of marts with a null where the contract forbids one, whatever the tables refuse.
with

collected as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection') }}
),

collected_by_billing_entity as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection_by_billing_entity') }}
),

excluded as (
    select * from {{ ref('lago_invoice_collection', 'invoice_exclusions') }}
),

organization_months as (
    select * from {{ ref('lago_invoice_collection', 'organization_months') }}
),

incomplete as (
    select
        'invoice_collection' as mart,
        organization_id
    from collected
    where {{ any_is_null([
        'organization_id', 'month', 'payment_status', 'currency', 'invoices_count',
        'amount_cents'
    ]) }}
    union all
    select
        'invoice_collection_by_billing_entity' as mart,
        organization_id
    from collected_by_billing_entity
    where {{ any_is_null([
        'organization_id', 'month', 'payment_status', 'currency', 'invoices_count',
        'amount_cents'
    ]) }}
    union all
    select
        'invoice_exclusions' as mart,
        organization_id
    from excluded
    where {{ any_is_null([
        'exclusion_reason', 'invoices_count', 'amount_cents', 'example_invoice_id'
    ]) }}
    union all
    select
        'organization_months' as mart,
        organization_id
    from organization_months
    where {{ any_is_null(['organization_id', 'month']) }}
)

select * from incomplete

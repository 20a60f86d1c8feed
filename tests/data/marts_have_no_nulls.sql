-- Rows of marts with a null where the contract forbids one.
with

collected as (
    select * from {{ ref('invoice_collection') }}
),

collected_by_billing_entity as (
    select * from {{ ref('invoice_collection_by_billing_entity') }}
),

excluded as (
    select * from {{ ref('invoice_exclusions') }}
),

organization_months as (
    select * from {{ ref('organization_months') }}
),

incomplete as (
    select
        'invoice_collection' as mart,
        organization_id
    from collected
    where
        organization_id is null
        or month is null
        or payment_status is null
        or currency is null
        or invoices_count is null
        or amount_cents is null
    union all
    select
        'invoice_collection_by_billing_entity' as mart,
        organization_id
    from collected_by_billing_entity
    where
        organization_id is null
        or month is null
        or payment_status is null
        or currency is null
        or invoices_count is null
        or amount_cents is null
    union all
    select
        'invoice_exclusions' as mart,
        organization_id
    from excluded
    where
        exclusion_reason is null
        or invoices_count is null
        or amount_cents is null
        or example_invoice_id is null
    union all
    select
        'organization_months' as mart,
        organization_id
    from organization_months
    where organization_id is null or month is null
)

select * from incomplete

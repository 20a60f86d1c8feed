-- Cells of a mart whose amount does not fit 64 bits. It reads what the marts are made of, so that
-- the cells are named before a mart is built.
with

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups_classified') }}
),

cells as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        sum(amount_cents) as amount_cents
    from invoice_groups
    where exclusion_reason is null
    group by
        organization_id,
        month,
        payment_status,
        currency
),

billing_entity_cells as (
    select
        organization_id,
        month,
        payment_status,
        currency,
        sum(amount_cents) as amount_cents
    from invoice_groups
    where exclusion_reason is null
    group by
        organization_id,
        billing_entity_id,
        billing_entity_code,
        month,
        payment_status,
        currency
),

all_cells as (
    select * from cells
    union all
    select * from billing_entity_cells
)

select distinct * from all_cells
where amount_cents not between -9223372036854775808 and 9223372036854775807

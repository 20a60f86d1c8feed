-- What a billing entity code stands for: a live entity before an archived one before a deleted
-- one; where the source lists none, what the invoices that carry the code say.
with

billing_entities as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__billing_entities') }}
),

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups') }}
),

ranked as (
    select
        organization_id,
        billing_entity_code,
        billing_entity_id,
        is_deleted,
        row_number() over (
            partition by organization_id, billing_entity_code
            order by is_deleted, is_archived, billing_entity_id
        ) as preference
    from billing_entities
),

listed as (
    select
        organization_id,
        billing_entity_code,
        billing_entity_id,
        is_deleted
    from ranked
    where preference = 1
),

-- Where invoices give a code several ids, none of them is the code's.
carried as (
    select
        organization_id,
        billing_entity_code,
        case
            when min(nullif(billing_entity_id, '')) = max(nullif(billing_entity_id, ''))
                then min(nullif(billing_entity_id, ''))
        end as billing_entity_id
    from invoice_groups
    where billing_entity_code <> '' and organization_id is not null
    group by organization_id, billing_entity_code
),

unlisted as (
    select
        carried.organization_id,
        carried.billing_entity_code,
        carried.billing_entity_id,
        false as is_deleted
    from carried
    left join listed
        on
            carried.organization_id = listed.organization_id
            and carried.billing_entity_code = listed.billing_entity_code
    where listed.billing_entity_code is null
),

resolved as (
    select
        organization_id,
        billing_entity_code,
        billing_entity_id,
        is_deleted
    from listed
    union all
    select
        organization_id,
        billing_entity_code,
        billing_entity_id,
        is_deleted
    from unlisted
)

select * from resolved

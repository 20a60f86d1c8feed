-- Known organizations in which data faults exceed 1% of the invoices and number more than 5, and
-- the invoices of unknown organizations (in one line, without id) where they exceed 1% of all.
with

invoice_groups as (
    select * from {{ ref('int_invoice_groups_classified') }}
),

judged as (
    select
        case when exclusion_reason = 'unknown_organization' then null else organization_id end
            as organization_id,
        coalesce(exclusion_reason = 'unknown_organization', false) as is_organization_unknown,
        invoices_count,
        case
            when exclusion_reason like 'unknown_%' then invoices_count
            when exclusion_reason like 'missing_%' then invoices_count
            when exclusion_reason like 'invalid_%' then invoices_count
            else 0
        end as faults_count,
        sum(invoices_count) over () as all_invoices_count
    from invoice_groups
),

organizations as (
    select
        organization_id,
        is_organization_unknown,
        sum(faults_count) as faults_count,
        case when is_organization_unknown then max(all_invoices_count) else sum(invoices_count) end
            as invoices_count
    from judged
    group by organization_id, is_organization_unknown
)

select
    organization_id,
    faults_count,
    invoices_count
from organizations
where
    faults_count * 100 > invoices_count
    and (is_organization_unknown or faults_count > 5)

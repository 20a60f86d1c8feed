-- The limits on data faults that are broken, by how many faults of how many invoices: of a known
-- organization, and, without an organization, of the whole load.
with

collected as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection') }}
),

excluded as (
    select * from {{ ref('lago_invoice_collection', 'invoice_exclusions') }}
),

exclusion_reasons as (
    select * from {{ ref('lago_invoice_collection', 'exclusion_reasons') }}
),

invoices as (
    select
        organization_id,
        invoices_count,
        0 as faults_count,
        0 as strays_count,
        invoices_count as collected_count
    from collected
    union all
    select
        excluded.organization_id,
        excluded.invoices_count,
        case
            when exclusion_reasons.is_data_fault then excluded.invoices_count else 0
        end as faults_count,
        case
            when excluded.exclusion_reason = 'unknown_organization' then excluded.invoices_count
            else 0
        end as strays_count,
        0 as collected_count
    from excluded
    left join exclusion_reasons
        on excluded.exclusion_reason = exclusion_reasons.exclusion_reason
),

organizations as (
    select
        organization_id,
        sum(invoices_count) as invoices_count,
        sum(faults_count - strays_count) as faults_count
    from invoices
    group by organization_id
),

loads as (
    select
        sum(invoices_count) as invoices_count,
        sum(faults_count) as faults_count,
        sum(strays_count) as strays_count,
        sum(collected_count) as collected_count
    from invoices
),

broken as (
    select
        'more than 5 faults, and more than 1% of the invoices of an organization' as limit_broken,
        organization_id,
        faults_count,
        invoices_count
    from organizations
    where faults_count > 5 and faults_count * 100 > invoices_count
    union all
    select
        'invoices of unknown organizations are more than 1% of all' as limit_broken,
        null as organization_id,
        strays_count as faults_count,
        invoices_count
    from loads
    where strays_count * 100 > invoices_count
    union all
    select
        'faults are more than half of the invoices that would otherwise count' as limit_broken,
        null as organization_id,
        faults_count,
        faults_count + collected_count as invoices_count
    from loads
    where faults_count * 2 > faults_count + collected_count
)

select * from broken

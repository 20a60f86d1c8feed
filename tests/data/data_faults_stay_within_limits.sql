-- Where data faults exceed a limit: an organization in which they are more than 1% of the invoices and
-- more than 5; the load, of whose invoices that would count otherwise they are more than half; the
-- invoices of unknown organizations, where they are more than 1% of all.
with

exclusions as (
    select * from {{ ref('invoice_exclusions') }}
),

reasons as (
    select * from {{ ref('exclusion_reasons') }}
),

invoice_groups as (
    select * from {{ ref('int_invoice_groups') }}
),

collected as (
    select * from {{ ref('invoice_collection') }}
),

faults as (
    select
        exclusions.organization_id,
        exclusions.exclusion_reason,
        exclusions.invoices_count
    from exclusions
    inner join reasons on exclusions.exclusion_reason = reasons.exclusion_reason
    where reasons.is_data_fault
),

organizations as (
    select
        organization_id,
        sum(invoices_count) as invoices_count
    from invoice_groups
    group by organization_id
),

faults_of_organizations as (
    select
        organization_id,
        sum(invoices_count) as faults_count
    from faults
    where exclusion_reason <> 'unknown_organization'
    group by organization_id
),

totals as (
    select
        (select coalesce(sum(invoices_count), 0) from invoice_groups) as invoices_count,
        (select coalesce(sum(invoices_count), 0) from collected) as collected_count,
        (select coalesce(sum(invoices_count), 0) from faults) as faults_count,
        (
            select coalesce(sum(invoices_count), 0) from faults
            where exclusion_reason = 'unknown_organization'
        ) as strays_count
),

shares as (
    select
        '1% of an organization''s invoices' as exceeded,
        faults_of_organizations.organization_id,
        faults_of_organizations.faults_count,
        organizations.invoices_count as of_invoices,
        1 as percent
    from faults_of_organizations
    inner join organizations
        on faults_of_organizations.organization_id = organizations.organization_id
    where faults_of_organizations.faults_count > 5
    union all
    select
        'half of the invoices that would count otherwise' as exceeded,
        null as organization_id,
        faults_count,
        faults_count + collected_count as of_invoices,
        50 as percent
    from totals
    union all
    select
        '1% of all invoices, by those of unknown organizations' as exceeded,
        null as organization_id,
        strays_count as faults_count,
        invoices_count as of_invoices,
        1 as percent
    from totals
)

select
    exceeded,
    organization_id,
    faults_count,
    of_invoices
from shares
where faults_count * 100 > of_invoices * percent

-- Known organizations in which data faults exceed 1% of the invoices and number more than 5, and,
-- in one line without id, the invoices of unknown organizations where they exceed 1% of all.
with

exclusions as (
    select * from {{ ref('invoice_exclusions') }}
),

invoice_groups as (
    select * from {{ ref('int_invoice_groups') }}
),

faults as (
    select
        organization_id,
        sum(invoices_count) as faults_count
    from exclusions
    where
        exclusion_reason like 'missing_%'
        or exclusion_reason like 'invalid_%'
        or exclusion_reason in ('unknown_status', 'unknown_payment_status', 'unknown_currency')
    group by organization_id
),

organizations as (
    select
        organization_id,
        sum(invoices_count) as invoices_count
    from invoice_groups
    group by organization_id
),

strays as (
    select sum(invoices_count) as faults_count
    from exclusions
    where exclusion_reason = 'unknown_organization'
),

totals as (
    select sum(invoices_count) as invoices_count
    from invoice_groups
),

shares as (
    select
        faults.organization_id,
        faults.faults_count,
        organizations.invoices_count
    from faults
    inner join organizations on faults.organization_id = organizations.organization_id
    where faults.faults_count > 5
    union all
    select
        null as organization_id,
        strays.faults_count,
        totals.invoices_count
    from strays
    cross join totals
)

select * from shares
where faults_count * 100 > invoices_count

-- Organizations whose months are not all of those from their first to the as-of month.
with

organizations as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__organizations') }}
),

organization_months as (
    select * from {{ ref('lago_invoice_collection', 'organization_months') }}
),

spans as (
    select
        organization_id,
        count(*) as months_count,
        min(month) as first_month,
        max(month) as last_month
    from organization_months
    group by organization_id
),

compared as (
    select
        organizations.organization_id,
        organizations.first_month,
        {{ month_of(as_of_date()) }} as as_of_month,
        coalesce(spans.months_count, 0) as months_count,
        {{ datediff('organizations.first_month', month_of(as_of_date()), 'month') }} + 1
            as months_expected,
        spans.first_month as first_month_found,
        spans.last_month as last_month_found
    from organizations
    left join spans on organizations.organization_id = spans.organization_id
)

select * from compared
where
    first_month <= as_of_month
    and (
        months_count <> months_expected
        or first_month_found <> first_month
        or last_month_found <> as_of_month
    )

with

organizations as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__organizations') }}
),

numbers as (
    {{ whole_numbers() }}
),

reported as (
    select
        organization_id,
        first_month,
        {{ datediff('first_month', month_of(as_of_date()), 'month') }} as last_number
    from organizations
),

months as (
    select
        reported.organization_id,
        cast({{ dateadd('month', 'numbers.number', 'reported.first_month') }} as date) as month
    from reported
    inner join numbers on reported.last_number >= numbers.number
)

select * from months

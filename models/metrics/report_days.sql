with

organization_months as (
    select * from {{ ref('lago_invoice_collection', 'organization_months') }}
),

numbers as (
    {{ whole_numbers() }}
),

months as (
    select distinct month from organization_months
),

days as (
    select cast({{ dateadd('day', 'numbers.number', 'months.month') }} as date) as date_day
    from months
    inner join numbers
        on
            {{ datediff('months.month', dateadd('month', 1, 'months.month'), 'day') }}
            > numbers.number
)

select * from days

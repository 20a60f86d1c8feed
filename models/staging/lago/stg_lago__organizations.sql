{{ after_sample('organizations') }}

with

organizations as (
    select * from {{ source('lago', 'organizations') }}
),

renamed as (
    select
        cast(id as {{ type_string() }}) as organization_id,
        cast(name as {{ type_string() }}) as organization_name,
        {{ utc_timestamp('created_at') }} as created_at,
        {{ month_of(utc_timestamp('created_at')) }} as first_month
    from organizations
)

select * from renamed

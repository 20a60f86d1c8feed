{{ after_sample('organizations') }}

with

organizations as (
    select * from {{ source('lago', 'organizations') }} {{ live_rows() }}
),

renamed as (
    select
        cast({{ var('lago__id_column') }} as {{ type_string() }}) as organization_id,
        cast(name as {{ type_string() }}) as organization_name,
        {{ utc_timestamp('created_at') }} as created_at,
        {{ month_of(utc_timestamp('created_at')) }} as first_month
    from organizations
)

select * from renamed

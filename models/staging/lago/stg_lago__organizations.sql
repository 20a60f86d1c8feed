{{ after_sample('organizations') }}

with

organizations as (
    {{ organizations() }}
),

renamed as (
    select
        {{ id_text(var('lago__id_column')) }} as organization_id,
        cast(name as {{ type_string() }}) as organization_name,
        created_at as created_at_given,
        {{ moment_validity('created_at') }} as created_at_validity,
        {{ utc_timestamp('created_at') }} as created_at
    from organizations
),

derived as (
    select
        organization_id,
        organization_name,
        created_at_given,
        created_at_validity,
        created_at,
        {{ month_of('created_at') }} as first_month
    from renamed
)

select * from derived

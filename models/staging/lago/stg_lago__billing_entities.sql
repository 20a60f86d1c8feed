{{ after_sample('billing_entities') }}

with

billing_entities as (
    select * from {{ source('lago', 'billing_entities') }}
),

renamed as (
    select
        cast(id as {{ type_string() }}) as billing_entity_id,
        cast(organization_id as {{ type_string() }}) as organization_id,
        cast(code as {{ type_string() }}) as billing_entity_code,
        nullif(cast(archived_at as {{ type_string() }}), '') is not null as is_archived,
        nullif(cast(deleted_at as {{ type_string() }}), '') is not null as is_deleted
    from billing_entities
)

select * from renamed

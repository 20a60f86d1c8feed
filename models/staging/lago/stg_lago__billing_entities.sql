{{ after_sample('billing_entities') }}

with

billing_entities as (
    select * from {{ source('lago', 'billing_entities') }} {{ live_rows() }}
),

renamed as (
    select
        cast({{ var('lago__id_column') }} as {{ type_string() }}) as billing_entity_id,
        cast(organization_id as {{ type_string() }}) as organization_id,
        cast(code as {{ type_string() }}) as billing_entity_code,
        {{ moment_validity('archived_at') }} as archived_at_validity,
        {{ moment_validity('deleted_at') }} as deleted_at_validity
    from billing_entities
),

judged as (
    select
        billing_entity_id,
        organization_id,
        billing_entity_code,
        archived_at_validity,
        deleted_at_validity,
        archived_at_validity = 'valid' as is_archived,
        deleted_at_validity = 'valid' as is_deleted
    from renamed
)

select * from judged

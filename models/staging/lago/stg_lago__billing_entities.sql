{{ after_sample('billing_entities') }}

with

billing_entities as (
    {{ optional_table(
        'billing_entities', ['organization_id', 'code', 'name', 'archived_at', 'deleted_at']
    ) }}
),

judged as (
    select
        {{ id_text(var('lago__id_column')) }} as billing_entity_id,
        {{ id_text(organization_id('billing_entities')) }} as organization_id,
        cast(code as {{ type_string() }}) as billing_entity_code,
        cast({{ optional_column('name', 'billing_entities') }} as {{ type_string() }})
            as billing_entity_name,
        archived_at,
        {{ moment_validity('archived_at') }} as archived_at_validity,
        deleted_at,
        {{ moment_validity('deleted_at') }} as deleted_at_validity
    from billing_entities
),

derived as (
    select
        billing_entity_id,
        organization_id,
        billing_entity_code,
        billing_entity_name,
        archived_at,
        archived_at_validity,
        archived_at_validity = 'valid' as is_archived,
        deleted_at,
        deleted_at_validity,
        deleted_at_validity = 'valid' as is_deleted
    from judged
)

select * from derived

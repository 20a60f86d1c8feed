{{ after_sample('customers') }}

with

customers as (
    {{ optional_table('customers', ['organization_id', 'external_id', 'name', 'deleted_at']) }}
),

judged as (
    select
        {{ id_text(var('lago__id_column')) }} as customer_id,
        {{ id_text(organization_id('customers')) }} as organization_id,
        cast(external_id as {{ type_string() }}) as external_customer_id,
        cast(name as {{ type_string() }}) as customer_name,
        {{ optional_column('deleted_at', 'customers') }} as deleted_at,
        {{ moment_validity(optional_column('deleted_at', 'customers')) }} as deleted_at_validity
    from customers
),

derived as (
    select
        customer_id,
        organization_id,
        external_customer_id,
        customer_name,
        deleted_at,
        deleted_at_validity,
        deleted_at_validity = 'valid' as is_deleted
    from judged
)

select * from derived

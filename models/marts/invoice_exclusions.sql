with

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups_classified') }}
),

excluded as (
    select
        organization_id,
        exclusion_reason,
        month,
        currency,
        cast(sum(invoices_count) as bigint) as invoices_count,
        cast(sum(amount_cents) as {{ exact_type() }}) as amount_cents,
        {{ least_id('example_invoice_id') }} as example_invoice_id
    from invoice_groups
    where exclusion_reason is not null
    group by
        organization_id,
        exclusion_reason,
        month,
        currency
)

{{ examples_found('excluded') }}

with

uncollected_invoices as (
    select * from {{ ref('lago_invoice_collection', 'uncollected_invoices') }}
),

aged as (
    select
        organization_id,
        currency,
        aging_bucket,
        count(*) as invoices_count,
        cast({{ exact_sum('due_amount_cents') }} as {{ exact_type() }}) as due_amount_cents
    from uncollected_invoices
    group by
        organization_id,
        currency,
        aging_bucket
)

select * from aged

with

collected as (
    select * from {{ ref('lago_invoice_collection', 'invoice_collection_by_customer') }}
),

typed as (
    select
        organization_id,
        customer_id,
        external_customer_id,
        customer_name,
        currency,
        payment_status,
        invoices_count,
        cast(amount_cents as {{ exact_type() }}) as amount_cents
    from collected
),

balances as (
    select
        organization_id,
        customer_id,
        external_customer_id,
        customer_name,
        currency,
        cast(sum(invoices_count) as bigint) as invoices_count,
        cast(sum(amount_cents) as {{ exact_type() }}) as amount_cents,
        cast(
            coalesce(sum(case when payment_status = 'succeeded' then amount_cents end), 0)
            as {{ exact_type() }}
        ) as succeeded_amount_cents,
        cast(
            coalesce(sum(case when payment_status = 'pending' then amount_cents end), 0)
            as {{ exact_type() }}
        ) as pending_amount_cents,
        cast(
            coalesce(sum(case when payment_status = 'failed' then amount_cents end), 0)
            as {{ exact_type() }}
        ) as failed_amount_cents
    from typed
    group by
        organization_id,
        customer_id,
        external_customer_id,
        customer_name,
        currency
)

select * from balances

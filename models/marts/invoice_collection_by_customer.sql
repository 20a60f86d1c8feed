with

invoices as (
    select * from {{ ref('lago_invoice_collection', 'int_invoices_classified') }}
),

customers as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__customers') }}
),

collected as (
    select
        organization_id,
        customer_id,
        month,
        payment_status,
        currency,
        count(*) as invoices_count,
        cast({{ exact_sum('amount_cents') }} as bigint) as amount_cents
    from invoices
    where exclusion_reason is null
    group by
        organization_id,
        customer_id,
        month,
        payment_status,
        currency
),

named as (
    select
        collected.organization_id,
        collected.customer_id,
        customers.external_customer_id,
        customers.customer_name,
        collected.month,
        collected.payment_status,
        collected.currency,
        collected.invoices_count,
        collected.amount_cents
    from collected
    left join customers
        on
            collected.organization_id = customers.organization_id
            and collected.customer_id = customers.customer_id
)

select * from named

with

invoices as (
    select * from {{ ref('lago_invoice_collection', 'int_invoices_classified') }}
),

customers as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__customers') }}
),

uncollected as (
    select
        organization_id,
        invoice_id,
        invoice_number,
        billing_entity_id,
        billing_entity_code,
        customer_id,
        month,
        issuing_date,
        payment_due_date,
        currency,
        payment_status,
        amount_cents,
        paid_amount_cents,
        cast(
            cast(amount_cents as {{ exact_type() }}) - coalesce(paid_amount_cents, 0) as bigint
        ) as due_amount_cents,
        case
            when payment_due_date < {{ as_of_date() }}
                then {{ datediff('payment_due_date', as_of_date(), 'day') }}
            else 0
        end as days_past_due
    from invoices
    where exclusion_reason is null and payment_status in ('pending', 'failed')
),

aged as (
    select
        uncollected.organization_id,
        uncollected.invoice_id,
        uncollected.invoice_number,
        uncollected.billing_entity_id,
        uncollected.billing_entity_code,
        uncollected.customer_id,
        customers.external_customer_id,
        customers.customer_name,
        uncollected.month,
        uncollected.issuing_date,
        uncollected.payment_due_date,
        uncollected.currency,
        uncollected.payment_status,
        uncollected.amount_cents,
        uncollected.paid_amount_cents,
        uncollected.due_amount_cents,
        cast(uncollected.days_past_due as integer) as days_past_due,
        case
            when uncollected.days_past_due = 0 then 'not_due'
            when uncollected.days_past_due <= 30 then '1-30'
            when uncollected.days_past_due <= 60 then '31-60'
            when uncollected.days_past_due <= 90 then '61-90'
            else 'over_90'
        end as aging_bucket
    from uncollected
    left join customers
        on
            uncollected.organization_id = customers.organization_id
            and uncollected.customer_id = customers.customer_id
)

select * from aged

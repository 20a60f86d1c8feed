{{ after_sample('invoices') }}

with

invoices as (
    select * from {{ source('lago', 'invoices') }}
    {{ live_rows() }}
),

parsed as (
    select
        {{ var('lago__id_column') }} as invoice_id,
        {{ organization_id('invoices') }} as organization_id,
        {{ optional_column('billing_entity_id') }} as billing_entity_id,
        {{ optional_column('billing_entity_code') }} as billing_entity_code,
        status as status_code,
        payment_status as payment_status_code,
        currency,
        {{ optional_column('self_billed') }} as self_billed,
        {{ optional_column('payment_dispute_lost_at') }} as payment_dispute_lost_at,
        {{ moment_validity(optional_column('payment_dispute_lost_at')) }}
            as payment_dispute_lost_at_validity,
        issuing_date as issuing_date_given,
        total_amount_cents as amount_given,
        {{ parse_date('issuing_date') }} as issuing_date,
        {{ parse_amount_cents('total_amount_cents') }} as amount_cents,
        {{ optional_column('number') }} as invoice_number,
        {{ optional_column('invoice_type') }} as invoice_type_code,
        {{ optional_column('customer_id') }} as customer_id,
        {{ optional_column('payment_due_date') }} as payment_due_date_given,
        {{ parse_date(optional_column('payment_due_date')) }} as payment_due_date,
        {{ optional_column('total_paid_amount_cents') }} as paid_amount_given,
        {{ parse_amount_cents(optional_column('total_paid_amount_cents')) }} as paid_amount_cents
    from invoices
),

judged as (
    select
        invoice_id,
        organization_id,
        billing_entity_id,
        billing_entity_code,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at,
        payment_dispute_lost_at_validity,
        payment_dispute_lost_at_validity = 'valid' as is_payment_dispute_lost,
        issuing_date_given,
        issuing_date,
        {{ month_of('issuing_date') }} as month,
        case
            when issuing_date is not null then 'valid'
            when nullif(cast(issuing_date_given as {{ type_string() }}), '') is null then 'missing'
            else 'invalid'
        end as issuing_date_validity,
        amount_given,
        amount_cents,
        amount_cents is not null as is_amount_valid,
        invoice_number,
        invoice_type_code,
        customer_id,
        payment_due_date_given,
        payment_due_date,
        paid_amount_given,
        paid_amount_cents
    from parsed
)

select * from judged

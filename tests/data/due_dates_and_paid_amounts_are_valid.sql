-- Invoices whose due date is no date, or whose paid amount is no whole number of 64 bits: they
-- count, and the marts show null there.
with

invoices as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__invoices') }}
),

given as (
    select
        cast(invoice_id as {{ type_string() }}) as invoice_id,
        case
            when payment_due_date is null then {{ iso_text('payment_due_date_given') }}
        end as payment_due_date_given,
        case
            when paid_amount_cents is null then {{ iso_text('paid_amount_given') }}
        end as paid_amount_given
    from invoices
)

select * from given
where nullif(payment_due_date_given, '') is not null or nullif(paid_amount_given, '') is not null

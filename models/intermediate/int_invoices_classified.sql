-- Each invoice with the judgement of its group: answers "which invoices are these?".
{{ config(materialized = 'view') }}

with

invoices as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__invoices') }}
),

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups_classified') }}
),

-- What becomes text here is what a group is found by; the rest does so once it is.
typed as (
    select
        invoice_id,
        invoice_number,
        invoice_type_code,
        customer_id,
        organization_id as organization_id_given,
        billing_entity_id as billing_entity_id_given,
        cast(billing_entity_code as {{ type_string() }}) as billing_entity_code_given,
        month,
        issuing_date_validity,
        cast(status_code as {{ type_string() }}) as status_code,
        cast(payment_status_code as {{ type_string() }}) as payment_status_code,
        cast(currency as {{ type_string() }}) as currency,
        cast(self_billed as {{ type_string() }}) as self_billed,
        payment_dispute_lost_at,
        payment_dispute_lost_at_validity,
        is_payment_dispute_lost,
        issuing_date_given,
        issuing_date,
        amount_given,
        amount_cents,
        is_amount_valid,
        payment_due_date_given,
        payment_due_date,
        paid_amount_given,
        paid_amount_cents
    from invoices
),

classified as (
    select
        cast(typed.invoice_id as {{ type_string() }}) as invoice_id,
        cast(typed.invoice_number as {{ type_string() }}) as invoice_number,
        cast(typed.invoice_type_code as {{ type_string() }}) as invoice_type_code,
        invoice_groups.organization_id,
        cast(invoice_groups.organization_id_given as {{ type_string() }}) as organization_id_given,
        invoice_groups.billing_entity_id,
        invoice_groups.billing_entity_code,
        {{ id_text('typed.customer_id') }} as customer_id,
        invoice_groups.month,
        invoice_groups.status_code,
        invoice_groups.payment_status_code,
        invoice_groups.payment_status,
        invoice_groups.currency,
        invoice_groups.self_billed,
        typed.payment_dispute_lost_at,
        typed.is_payment_dispute_lost,
        typed.issuing_date_given,
        typed.issuing_date,
        typed.amount_given,
        typed.amount_cents,
        typed.payment_due_date_given,
        typed.payment_due_date,
        typed.paid_amount_given,
        typed.paid_amount_cents,
        invoice_groups.exclusion_reason,
        invoice_groups.column_at_fault
    from typed
    inner join invoice_groups
        on
            typed.issuing_date_validity = invoice_groups.issuing_date_validity
            and typed.payment_dispute_lost_at_validity
            = invoice_groups.payment_dispute_lost_at_validity
            and typed.is_amount_valid = invoice_groups.is_amount_valid
            and {{ is_same('typed.organization_id_given', 'invoice_groups.organization_id_given') }}
            and {{ is_same(
                'typed.billing_entity_id_given', 'invoice_groups.billing_entity_id_given'
            ) }}
            and {{ is_same(
                'typed.billing_entity_code_given', 'invoice_groups.billing_entity_code_given'
            ) }}
            and {{ is_same('typed.month', 'invoice_groups.month') }}
            and {{ is_same('typed.status_code', 'invoice_groups.status_code') }}
            and {{ is_same(
                'typed.payment_status_code', 'invoice_groups.payment_status_code'
            ) }}
            and {{ is_same('typed.currency', 'invoice_groups.currency') }}
            and {{ is_same('typed.self_billed', 'invoice_groups.self_billed') }}
)

select * from classified

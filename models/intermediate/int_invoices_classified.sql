-- Each invoice with the judgement of its group: answers "which invoices are these?".
{{ config(materialized = 'view') }}

with

invoices as (
    select * from {{ ref('stg_lago__invoices') }}
),

invoice_groups as (
    select * from {{ ref('int_invoice_groups_classified') }}
),

classified as (
    select
        cast(invoices.invoice_id as {{ type_string() }}) as invoice_id,
        invoice_groups.organization_id,
        invoice_groups.billing_entity_id,
        invoice_groups.billing_entity_code,
        invoice_groups.month,
        invoice_groups.status_code,
        invoice_groups.payment_status_code,
        invoice_groups.payment_status,
        invoice_groups.currency,
        invoice_groups.self_billed,
        invoices.payment_dispute_lost_at,
        invoices.is_payment_dispute_lost,
        invoices.issuing_date_given,
        invoices.issuing_date,
        invoices.amount_given,
        invoices.amount_cents,
        invoice_groups.exclusion_reason
    from invoices
    inner join invoice_groups
        on
            cast(invoices.organization_id as {{ type_string() }})
            is not distinct from invoice_groups.organization_id_given
            and cast(invoices.billing_entity_id as {{ type_string() }})
            is not distinct from invoice_groups.billing_entity_id_given
            and cast(invoices.billing_entity_code as {{ type_string() }})
            is not distinct from invoice_groups.billing_entity_code_given
            and invoices.month is not distinct from invoice_groups.month
            and invoices.issuing_date_validity = invoice_groups.issuing_date_validity
            and cast(invoices.status_code as {{ type_string() }})
            is not distinct from invoice_groups.status_code
            and cast(invoices.payment_status_code as {{ type_string() }})
            is not distinct from invoice_groups.payment_status_code
            and cast(invoices.currency as {{ type_string() }})
            is not distinct from invoice_groups.currency
            and cast(invoices.self_billed as {{ type_string() }})
            is not distinct from invoice_groups.self_billed
            and invoices.payment_dispute_lost_at_validity
            = invoice_groups.payment_dispute_lost_at_validity
            and invoices.is_amount_valid = invoice_groups.is_amount_valid
)

select * from classified

with

invoices as (
    select * from {{ ref('int_invoices_classified') }}
),

exclusion_reasons as (
    select * from {{ ref('exclusion_reasons') }}
),

faulty as (
    select
        invoices.organization_id,
        invoices.invoice_id,
        invoices.invoice_number,
        invoices.customer_id,
        invoices.month,
        invoices.currency,
        invoices.amount_cents,
        invoices.exclusion_reason,
        exclusion_reasons.column_at_fault,
        case exclusion_reasons.column_at_fault
            when 'organization_id' then invoices.organization_id_given
            when 'status' then invoices.status_code
            when 'payment_status' then invoices.payment_status_code
            when 'issuing_date' then {{ iso_text('invoices.issuing_date_given') }}
            when 'currency' then invoices.currency
            when 'total_amount_cents' then {{ iso_text('invoices.amount_given') }}
            when 'self_billed' then invoices.self_billed
            when 'payment_dispute_lost_at'
                then {{ iso_text('invoices.payment_dispute_lost_at') }}
        end as value_given
    from invoices
    inner join exclusion_reasons
        on invoices.exclusion_reason = exclusion_reasons.exclusion_reason
    where exclusion_reasons.is_data_fault
)

select * from faulty

with

invoices as (
    select * from {{ ref('lago_invoice_collection', 'int_invoices_classified') }}
),

faulty as (
    select
        organization_id,
        invoice_id,
        invoice_number,
        customer_id,
        month,
        currency,
        amount_cents,
        exclusion_reason,
        column_at_fault,
        case column_at_fault
            when 'organization_id' then organization_id_given
            when 'status' then status_code
            when 'payment_status' then payment_status_code
            when 'issuing_date' then {{ iso_text('issuing_date_given') }}
            when 'currency' then currency
            when 'total_amount_cents' then {{ iso_text('amount_given') }}
            when 'self_billed' then self_billed
            when 'payment_dispute_lost_at'
                then {{ iso_text('payment_dispute_lost_at') }}
        end as value_given
    from invoices
    where column_at_fault is not null
)

select * from faulty

-- Invoices that no rule of the report can tell apart, added up: the one pass over all invoices.
with

invoices as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__invoices') }}
),

grouped as (
    select
        organization_id,
        billing_entity_id,
        billing_entity_code,
        month,
        issuing_date_validity,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity,
        is_amount_valid,
        count(*) as invoices_count,
        coalesce({{ exact_sum('amount_cents') }}, 0) as amount_cents,
        {{ example_id('invoice_id') }} as example_invoice_id
    from invoices
    group by
        organization_id,
        billing_entity_id,
        billing_entity_code,
        month,
        issuing_date_validity,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity,
        is_amount_valid
),

-- Codes and ids become text only here, where the rows are few; the ids as given stay as they are,
-- for single invoices to find their group by.
typed as (
    select
        organization_id as organization_id_given,
        billing_entity_id as billing_entity_id_given,
        {{ id_text('organization_id') }} as organization_id,
        {{ id_text('billing_entity_id') }} as billing_entity_id,
        cast(billing_entity_code as {{ type_string() }}) as billing_entity_code,
        month,
        issuing_date_validity,
        cast(status_code as {{ type_string() }}) as status_code,
        cast(payment_status_code as {{ type_string() }}) as payment_status_code,
        cast(currency as {{ type_string() }}) as currency,
        cast(self_billed as {{ type_string() }}) as self_billed,
        payment_dispute_lost_at_validity,
        is_amount_valid,
        invoices_count,
        cast(amount_cents as {{ exact_type() }}) as amount_cents,
        cast(example_invoice_id as {{ type_string() }}) as example_invoice_id
    from grouped
)

select * from typed

-- Each group decoded, with the first reason why it does not count, or null where it does.
with

invoice_groups as (
    select * from {{ ref('lago_invoice_collection', 'int_invoice_groups') }}
),

organizations as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__organizations') }}
),

billing_entities as (
    select * from {{ ref('lago_invoice_collection', 'stg_lago__billing_entities') }}
),

billing_entity_codes as (
    select * from {{ ref('lago_invoice_collection', 'int_billing_entities_resolved') }}
),

invoice_statuses as (
    select * from {{ ref('lago_invoice_collection', 'invoice_statuses') }}
),

payment_statuses as (
    select * from {{ ref('lago_invoice_collection', 'payment_statuses') }}
),

currencies as (
    select * from {{ ref('lago_invoice_collection', 'currencies') }}
),

exclusion_reasons as (
    select * from {{ ref('lago_invoice_collection', 'exclusion_reasons') }}
),

-- A status is given as its code or as its label.
given_statuses as (
    select
        cast(code as {{ type_string() }}) as status_given,
        status
    from invoice_statuses
    union all
    select
        status as status_given,
        status
    from invoice_statuses
),

given_payment_statuses as (
    select
        cast(code as {{ type_string() }}) as payment_status_given,
        payment_status
    from payment_statuses
    union all
    select
        payment_status as payment_status_given,
        payment_status
    from payment_statuses
),

decoded as (
    select
        invoice_groups.organization_id,
        invoice_groups.organization_id_given,
        invoice_groups.billing_entity_id_given,
        invoice_groups.billing_entity_code as billing_entity_code_given,
        invoice_groups.month,
        invoice_groups.issuing_date_validity,
        invoice_groups.status_code,
        invoice_groups.payment_status_code,
        invoice_groups.currency,
        invoice_groups.self_billed,
        invoice_groups.payment_dispute_lost_at_validity,
        invoice_groups.is_amount_valid,
        coalesce(
            nullif(invoice_groups.billing_entity_id, ''), billing_entity_codes.billing_entity_id
        ) as billing_entity_id,
        coalesce(
            billing_entities.billing_entity_code, nullif(invoice_groups.billing_entity_code, '')
        ) as billing_entity_code,
        given_statuses.status,
        given_payment_statuses.payment_status,
        case
            when invoice_groups.self_billed is null then false
            when lower(invoice_groups.self_billed) in ('f', 'false', '0') then false
            when lower(invoice_groups.self_billed) in ('t', 'true', '1') then true
        end as is_self_billed,
        organizations.organization_id is not null as is_organization_known,
        currencies.currency is not null as is_currency_known,
        organizations.first_month,
        invoice_groups.invoices_count,
        invoice_groups.amount_cents,
        invoice_groups.example_invoice_id
    from invoice_groups
    left join organizations
        on invoice_groups.organization_id = organizations.organization_id
    left join billing_entities
        on
            invoice_groups.organization_id = billing_entities.organization_id
            and invoice_groups.billing_entity_id = billing_entities.billing_entity_id
    left join billing_entity_codes
        on
            invoice_groups.organization_id = billing_entity_codes.organization_id
            and invoice_groups.billing_entity_code = billing_entity_codes.billing_entity_code
    left join given_statuses
        on invoice_groups.status_code = given_statuses.status_given
    left join given_payment_statuses
        on invoice_groups.payment_status_code = given_payment_statuses.payment_status_given
    left join currencies
        on invoice_groups.currency = currencies.currency
),

classified as (
    select
        organization_id,
        organization_id_given,
        billing_entity_id_given,
        billing_entity_code_given,
        month,
        issuing_date_validity,
        status_code,
        payment_status_code,
        currency,
        self_billed,
        payment_dispute_lost_at_validity,
        is_amount_valid,
        billing_entity_id,
        billing_entity_code,
        payment_status,
        case
            when not is_organization_known then 'unknown_organization'
            when status is null then 'unknown_status'
            when status <> 'finalized' then 'not_finalized'
            when is_self_billed then 'self_billed'
            when payment_dispute_lost_at_validity = 'valid' then 'payment_dispute_lost'
            when payment_status is null then 'unknown_payment_status'
            when issuing_date_validity = 'missing' then 'missing_issuing_date'
            when issuing_date_validity = 'invalid' then 'invalid_issuing_date'
            when currency is null or currency = '' then 'missing_currency'
            when not is_currency_known then 'unknown_currency'
            when not is_amount_valid then 'invalid_amount'
            when is_self_billed is null then 'invalid_self_billed'
            when payment_dispute_lost_at_validity = 'invalid' then 'invalid_payment_dispute_lost_at'
            when month < first_month then 'before_first_month'
            when month > {{ month_of(as_of_date()) }} then 'future_month'
        end as exclusion_reason,
        invoices_count,
        amount_cents,
        example_invoice_id
    from decoded
),

explained as (
    select
        classified.organization_id,
        classified.organization_id_given,
        classified.billing_entity_id_given,
        classified.billing_entity_code_given,
        classified.month,
        classified.issuing_date_validity,
        classified.status_code,
        classified.payment_status_code,
        classified.currency,
        classified.self_billed,
        classified.payment_dispute_lost_at_validity,
        classified.is_amount_valid,
        classified.billing_entity_id,
        classified.billing_entity_code,
        classified.payment_status,
        classified.exclusion_reason,
        exclusion_reasons.column_at_fault,
        classified.invoices_count,
        classified.amount_cents,
        classified.example_invoice_id
    from classified
    left join exclusion_reasons
        on classified.exclusion_reason = exclusion_reasons.exclusion_reason
)

select * from explained

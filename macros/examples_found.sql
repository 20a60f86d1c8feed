{% macro examples_found(exclusions) -%}
    {{ return(adapter.dispatch('examples_found', 'lago_invoice_collection')(exclusions)) }}
{%- endmacro %}

{% macro default__examples_found(exclusions) -%}
    select * from {{ exclusions }}
{%- endmacro %}

{#- Two ids may share a number: what is found must belong to the exclusion, too. -#}
{% macro spark__examples_found(exclusions) -%}
    select
        {{ exclusions }}.organization_id,
        {{ exclusions }}.exclusion_reason,
        {{ exclusions }}.month,
        {{ exclusions }}.currency,
        {{ exclusions }}.invoices_count,
        {{ exclusions }}.amount_cents,
        examples.example_invoice_id
    from {{ exclusions }}
    left join (
        select
            organization_id,
            exclusion_reason,
            month,
            currency,
            cast(xxhash64(invoice_id) as string) as example_number,
            min(invoice_id) as example_invoice_id
        from {{ ref('lago_invoice_collection', 'int_invoices_classified') }}
        where
            cast(xxhash64(invoice_id) as string)
            in (select {{ exclusions }}.example_invoice_id from {{ exclusions }})
        group by
            organization_id,
            exclusion_reason,
            month,
            currency,
            cast(xxhash64(invoice_id) as string)
    ) as examples
        on
            {{ exclusions }}.example_invoice_id = examples.example_number
            and {{ exclusions }}.organization_id <=> examples.organization_id
            and {{ exclusions }}.exclusion_reason = examples.exclusion_reason
            and {{ exclusions }}.month <=> examples.month
            and {{ exclusions }}.currency <=> examples.currency
{%- endmacro %}

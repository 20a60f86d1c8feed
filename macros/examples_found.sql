{% macro examples_found(exclusions) -%}
    {{ return(adapter.dispatch('examples_found', 'lago_invoice_collection')(exclusions)) }}
{%- endmacro %}

{% macro default__examples_found(exclusions) -%}
    select * from {{ exclusions }}
{%- endmacro %}

{#- Only those of invoices that are excluded, which are few, are sorted. -#}
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
            {{ lago_invoice_collection.least_id('invoice_id') }} as example_invoice_id
        from {{ ref('lago_invoice_collection', 'int_invoices_classified') }}
        where exclusion_reason is not null
        group by
            organization_id,
            exclusion_reason,
            month,
            currency
    ) as examples
        on
            {{ exclusions }}.organization_id <=> examples.organization_id
            and {{ exclusions }}.exclusion_reason = examples.exclusion_reason
            and {{ exclusions }}.month <=> examples.month
            and {{ exclusions }}.currency <=> examples.currency
{%- endmacro %}

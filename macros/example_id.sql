{% macro example_id(column) -%}
    {{ return(adapter.dispatch('example_id', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__example_id(column) -%}
    {{ lago_invoice_collection.least_id(column) }}
{%- endmacro %}

{#- A minimum of texts makes Spark sort all invoices, one of numbers does not: examples_found finds the id. -#}
{% macro spark__example_id(column) -%}
    min(case when {{ column }} is not null then xxhash64(cast({{ column }} as string)) end)
{%- endmacro %}

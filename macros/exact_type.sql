{% macro exact_type() -%}
    {{ return(adapter.dispatch('exact_type', 'lago_invoice_collection')()) }}
{%- endmacro %}

{% macro default__exact_type() -%}
    decimal(38, 0)
{%- endmacro %}

{#- Of 38 digits, nine are for what comes after the point. -#}
{% macro bigquery__exact_type() -%}
    numeric(29, 0)
{%- endmacro %}

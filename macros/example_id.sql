{% macro example_id(column) -%}
    {{ return(adapter.dispatch('example_id', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__example_id(column) -%}
    {{ lago_invoice_collection.least_id(column) }}
{%- endmacro %}

{#- A minimum of texts would make Spark sort all invoices: examples_found finds the id of a number. -#}
{% macro spark__example_id(column) -%}
    min({{ lago_invoice_collection.id_number(column) }})
{%- endmacro %}

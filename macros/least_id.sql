{% macro least_id(column) -%}
    {{ return(adapter.dispatch('least_id', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__least_id(column) -%}
    min({{ column }})
{%- endmacro %}

{#- There is no min(uuid), and the order of text is that of the database's language. -#}
{% macro postgres__least_id(column) -%}
    min(cast({{ column }} as text) collate "C")
{%- endmacro %}

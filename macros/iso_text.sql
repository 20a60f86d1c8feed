{% macro iso_text(column) -%}
    {{ return(adapter.dispatch('iso_text', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__iso_text(column) -%}
    cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}

{#- A cast would follow the session's DateStyle, which JSON does not. -#}
{% macro postgres__iso_text(column) -%}
    (to_jsonb({{ column }}) #>> '{}')
{%- endmacro %}

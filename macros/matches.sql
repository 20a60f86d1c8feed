{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches', 'lago_invoice_collection')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches(text, pattern) -%}
    regexp_full_match({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro postgres__matches(text, pattern) -%}
    {{ text }} ~ '^({{ pattern }})$'
{%- endmacro %}

{#- '$' would also match before a line's end. -#}
{% macro spark__matches(text, pattern) -%}
    regexp_extract({{ text }}, '^({{ pattern }})', 0) = {{ text }}
{%- endmacro %}

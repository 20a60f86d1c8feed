{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches', 'lago_invoice_collection')(text, pattern)) }}
{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    {{ refuse_other_engines() }}
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

{% macro bigquery__matches(text, pattern) -%}
    regexp_contains({{ text }}, r'\A(?:{{ pattern }})\z')
{%- endmacro %}

{#- As on Spark. -#}
{% macro snowflake__matches(text, pattern) -%}
    regexp_substr({{ text }}, '^({{ pattern }})') = {{ text }}
{%- endmacro %}

{% macro trino__matches(text, pattern) -%}
    regexp_like({{ text }}, '\A(?:{{ pattern }})\z')
{%- endmacro %}

{% macro athena__matches(text, pattern) -%}
    {{ trino__matches(text, pattern) }}
{%- endmacro %}

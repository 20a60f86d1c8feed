{% macro month_of(expression) -%}
    {{ return(adapter.dispatch('month_of', 'lago_invoice_collection')(expression)) }}
{%- endmacro %}

{% macro default__month_of(expression) -%}
    {{ refuse_other_engines() }}
{%- endmacro %}

{#- Five times as fast as date_trunc, which goes by way of a timestamp. -#}
{% macro duckdb__month_of(expression) -%}
    (cast({{ expression }} as date) - cast(day({{ expression }}) - 1 as integer))
{%- endmacro %}

{#- By way of a timestamp without zone: a date would become one in the session's time zone. -#}
{% macro postgres__month_of(expression) -%}
    cast(date_trunc('month', cast({{ expression }} as timestamp)) as date)
{%- endmacro %}

{% macro spark__month_of(expression) -%}
    cast(trunc({{ expression }}, 'month') as date)
{%- endmacro %}

{% macro bigquery__month_of(expression) -%}
    date_trunc(cast({{ expression }} as date), month)
{%- endmacro %}

{% macro snowflake__month_of(expression) -%}
    cast(date_trunc('month', {{ expression }}) as date)
{%- endmacro %}

{% macro trino__month_of(expression) -%}
    cast(date_trunc('month', {{ expression }}) as date)
{%- endmacro %}

{% macro athena__month_of(expression) -%}
    {{ trino__month_of(expression) }}
{%- endmacro %}

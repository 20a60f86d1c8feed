{#- The first day of the month of a date or timestamp, as a date. -#}
{% macro month_of(expression) -%}
    {{ return(adapter.dispatch('month_of', 'lago_invoice_collection')(expression)) }}
{%- endmacro %}

{#- Five times as fast as date_trunc, which goes by way of a timestamp. -#}
{% macro duckdb__month_of(expression) -%}
    (cast({{ expression }} as date) - cast(day({{ expression }}) - 1 as integer))
{%- endmacro %}

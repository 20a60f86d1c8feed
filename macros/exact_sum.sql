{#- The sum of a bigint column, exact also beyond 64 bits. -#}
{% macro exact_sum(column) -%}
    {{ return(adapter.dispatch('exact_sum', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{#- sum(bigint) is a hugeint, and much faster than the sum of decimals. -#}
{% macro duckdb__exact_sum(column) -%}
    sum({{ column }})
{%- endmacro %}

{% macro exact_sum(column) -%}
    {{ return(adapter.dispatch('exact_sum', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__exact_sum(column) -%}
    {{ refuse_other_engines() }}
{%- endmacro %}

{#- sum(bigint) is a hugeint, and much faster than the sum of decimals. -#}
{% macro duckdb__exact_sum(column) -%}
    sum({{ column }})
{%- endmacro %}

{#- sum(bigint) is a numeric. -#}
{% macro postgres__exact_sum(column) -%}
    sum({{ column }})
{%- endmacro %}

{#- sum(bigint) wraps around silently, and a sum of decimals is slow: the upper and the lower halves
    of the numbers are added up apart, neither of which can overflow. -#}
{% macro spark__exact_sum(column) -%}
    (
        cast(sum(shiftright({{ column }}, 32)) as decimal(38, 0)) * 4294967296
        + cast(sum({{ column }} & 4294967295) as decimal(38, 0))
    )
{%- endmacro %}

{#- sum(int64) fails where it does not fit 64 bits. -#}
{% macro bigquery__exact_sum(column) -%}
    sum(cast({{ column }} as numeric))
{%- endmacro %}

{#- A bigint is a number of 38 digits, and so is the sum. -#}
{% macro snowflake__exact_sum(column) -%}
    sum({{ column }})
{%- endmacro %}

{#- sum(bigint) fails where it does not fit 64 bits. -#}
{% macro trino__exact_sum(column) -%}
    sum(cast({{ column }} as decimal(38, 0)))
{%- endmacro %}

{#- Athena has Trino's SQL, and an adapter that does not descend from Trino's. -#}
{% macro athena__exact_sum(column) -%}
    {{ trino__exact_sum(column) }}
{%- endmacro %}

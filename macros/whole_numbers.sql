{% macro whole_numbers() -%}
    {{ return(adapter.dispatch('whole_numbers', 'lago_invoice_collection')()) }}
{%- endmacro %}

{% macro default__whole_numbers() -%}
    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit as number
    from
    {%- for place in ['thousands', 'hundreds', 'tens', 'ones'] %}
        (
            {%- for digit in range(10) %}
            select {{ digit }} as digit
            {%- if not loop.last %} union all {%- endif %}
            {%- endfor %}
        ) as {{ place }}
        {%- if not loop.last %} cross join {%- endif %}
    {%- endfor %}
{%- endmacro %}

{#- The joins above would be 10,000 tasks. -#}
{% macro spark__whole_numbers() -%}
    select cast(id as integer) as number from range(10000)
{%- endmacro %}

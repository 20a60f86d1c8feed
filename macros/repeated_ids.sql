{#- The values of a column that occur more than once, and null, with the number of their rows. -#}
{% macro repeated_ids(relation, column) -%}
    {{ return(adapter.dispatch('repeated_ids', 'lago_invoice_collection')(relation, column)) }}
{%- endmacro %}

{% macro default__repeated_ids(relation, column) -%}
select
    {{ column }},
    count(*) as rows_count
from {{ relation }}
group by {{ column }}
having count(*) > 1 or {{ column }} is null
{%- endmacro %}

{#- Sorting millions of ids takes little more than half the time of grouping by them. -#}
{% macro duckdb__repeated_ids(relation, column) -%}
select
    {{ column }},
    count(*) + case when {{ column }} is null then 0 else 1 end as rows_count
from (
    select
        {{ column }},
        lag({{ column }}) over (order by {{ column }}) as previous
    from {{ relation }}
) as sorted
where {{ column }} = previous or {{ column }} is null
group by {{ column }}
{%- endmacro %}

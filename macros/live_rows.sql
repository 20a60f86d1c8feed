{#- The rows that the source has not deleted: those for which lago__live_rows is true; by default all. -#}
{% macro live_rows() -%}
    {%- if var('lago__live_rows') -%}
        where ({{ var('lago__live_rows') }})
    {%- endif -%}
{%- endmacro %}

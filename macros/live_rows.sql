{#- The condition of the rows that the source has not deleted; nothing where all rows are live. -#}
{% macro live_rows() -%}
    {%- if var('lago__live_rows') -%}
        where {{ var('lago__live_rows') }}
    {%- endif -%}
{%- endmacro %}

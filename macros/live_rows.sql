{% macro live_rows() -%}
    {%- if var('lago__live_rows') -%}
        where {{ var('lago__live_rows') }}
    {%- endif -%}
{%- endmacro %}

{% macro any_is_null(columns) -%}
    ({{ columns | join(' is null or ') }} is null)
{%- endmacro %}

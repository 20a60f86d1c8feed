{% macro optional_column(column) -%}
    {{ 'cast(null as ' ~ dbt.type_string() ~ ')' if column in var('lago__absent_columns') else column }}
{%- endmacro %}

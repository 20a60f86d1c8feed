{% macro optional_column(column, table = 'invoices') -%}
    {%- set name = column if table == 'invoices' else table ~ '.' ~ column -%}
    {{ 'cast(null as ' ~ dbt.type_string() ~ ')' if name in var('lago__absent_columns') else column }}
{%- endmacro %}

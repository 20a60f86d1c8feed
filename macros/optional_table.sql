{% macro optional_table(table, columns) -%}
    {%- if var('lago__' ~ table ~ '_table') -%}
        select * from {{ source('lago', table) }}
        {{ live_rows() }}
    {%- else -%}
        select
            {%- for column in [var('lago__id_column')] + columns %}
            cast(null as {{ dbt.type_string() }}) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        limit 0
    {%- endif -%}
{%- endmacro %}

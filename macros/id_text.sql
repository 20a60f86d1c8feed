{% macro id_text(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    case
        when {{ text }} like '________-____-____-____-____________' then lower({{ text }})
        else {{ text }}
    end
{%- endmacro %}

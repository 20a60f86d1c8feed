{% macro id_text(column) -%}
    {{ return(adapter.dispatch('id_text', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__id_text(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    case
        when {{ text }} like '________-____-____-____-____________' then lower({{ text }})
        else {{ text }}
    end
{%- endmacro %}

{#- The text of a UUID is in lower case. -#}
{% macro duckdb__id_text(column) -%}
    case
        when typeof({{ column }}) = 'UUID' then cast({{ column }} as varchar)
        when
            cast({{ column }} as varchar) like '________-____-____-____-____________'
            then lower(cast({{ column }} as varchar))
        else cast({{ column }} as varchar)
    end
{%- endmacro %}

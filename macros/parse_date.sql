{#- The date of a column: a date as it is, text only if it is YYYY-MM-DD and exists (no calendar has
    a year 0); null for anything else. -#}
{% macro parse_date(column) -%}
    {{ return(adapter.dispatch('parse_date', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro duckdb__parse_date(column) -%}
    case
        when typeof({{ column }}) = 'DATE' then try_cast({{ column }} as date)
        when
            regexp_full_match(cast({{ column }} as varchar), '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            and cast({{ column }} as varchar) not like '0000-%'
            then try_cast({{ column }} as date)
    end
{%- endmacro %}

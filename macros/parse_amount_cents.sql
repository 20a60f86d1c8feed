{#- The amount in cents as bigint: an integer column as it is, text only if it is an optional minus
    and digits; null for anything else and for what does not fit 64 bits. -#}
{% macro parse_amount_cents(column) -%}
    {{ return(adapter.dispatch('parse_amount_cents', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro duckdb__parse_amount_cents(column) -%}
    case
        when typeof({{ column }}) in ('BIGINT', 'INTEGER') then try_cast({{ column }} as bigint)
        when regexp_full_match(cast({{ column }} as varchar), '-?[0-9]+')
            then try_cast({{ column }} as bigint)
    end
{%- endmacro %}

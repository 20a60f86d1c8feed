{#- The timestamp in UTC, without zone: an offset in text or type is applied, its absence means UTC. -#}
{% macro utc_timestamp(column) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(column) -%}
    cast({{ column }} as timestamptz) at time zone 'UTC'
{%- endmacro %}

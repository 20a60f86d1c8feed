{% macro moment_validity(column) -%}
    {%- set text = iso_text(column) -%}
    {%- set day = written_date('substr(' ~ text ~ ', 1, 10)') -%}
    {%- set time = '[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?' -%}
    {%- set zone = ' ?(UTC|GMT|Z|z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9](:[0-5][0-9])?)?)' -%}
    {%- set rest = '(' ~ time ~ '(' ~ zone ~ ')?)?' -%}
    case
        when {{ column }} is null then 'missing'
        when {{ is_ordinary_timestamp(column) }} then 'valid'
        when nullif({{ text }}, '') is null then 'missing'
        when
            {{ day }} is not null
            and {{ matches('substr(' ~ text ~ ', 11)', rest) }}
            then 'valid'
        else 'invalid'
    end
{%- endmacro %}

{% macro is_ordinary_timestamp(column) -%}
    {{ return(adapter.dispatch('is_ordinary_timestamp', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__is_ordinary_timestamp(column) -%}
    false
{%- endmacro %}

{% macro duckdb__is_ordinary_timestamp(column) -%}
    typeof({{ column }}) = 'TIMESTAMP'
    and try_cast({{ column }} as timestamp)
    between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'
{%- endmacro %}

{#- The as-of date as a date literal: lago__as_of_date, or the UTC date on which the run started. -#}
{% macro as_of_date() -%}
    {%- set given = var('lago__as_of_date') -%}
    {%- set as_of = run_started_at.strftime('%Y-%m-%d') if given is none else given | string -%}
    {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', as_of) -%}
        {{ exceptions.raise_compiler_error(
            "lago__as_of_date is '" ~ as_of ~ "'; write a date as YYYY-MM-DD") }}
    {%- endif -%}
    date '{{ as_of }}'
{%- endmacro %}

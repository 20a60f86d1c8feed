{% macro as_of_date() -%}
    {%- set today = run_started_at.strftime('%Y-%m-%d') -%}
    {%- set otherwise = env_var('LAGO_COLLECTION_AS_OF_DATE', '') or today -%}
    {%- set given = var('lago__as_of_date') -%}
    {%- set as_of = otherwise if given is none else given | string -%}
    {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', as_of) -%}
        {{ exceptions.raise_compiler_error(
            "lago__as_of_date is '" ~ as_of ~ "'; write a date as YYYY-MM-DD") }}
    {%- endif -%}
    date '{{ as_of }}'
{%- endmacro %}

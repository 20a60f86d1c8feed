{% macro is_same(one, other) -%}
    {{ return(adapter.dispatch('is_same', 'lago_invoice_collection')(one, other)) }}
{%- endmacro %}

{% macro default__is_same(one, other) -%}
    {{ one }} is not distinct from {{ other }}
{%- endmacro %}

{#- A join can be hashed by equality only. -#}
{% macro postgres__is_same(one, other) -%}
    coalesce(cast({{ one }} as text), '') = coalesce(cast({{ other }} as text), '')
    and ({{ one }} is null) = ({{ other }} is null)
{%- endmacro %}

{#- As on PostgreSQL. -#}
{% macro bigquery__is_same(one, other) -%}
    coalesce(cast({{ one }} as string), '') = coalesce(cast({{ other }} as string), '')
    and ({{ one }} is null) = ({{ other }} is null)
{%- endmacro %}

{#- As on PostgreSQL; the hash of null is a number. -#}
{% macro snowflake__is_same(one, other) -%}
    hash({{ one }}) = hash({{ other }}) and {{ one }} is not distinct from {{ other }}
{%- endmacro %}

{#- As on PostgreSQL. -#}
{% macro trino__is_same(one, other) -%}
    coalesce(cast({{ one }} as varchar), '') = coalesce(cast({{ other }} as varchar), '')
    and ({{ one }} is null) = ({{ other }} is null)
{%- endmacro %}

{% macro athena__is_same(one, other) -%}
    {{ trino__is_same(one, other) }}
{%- endmacro %}

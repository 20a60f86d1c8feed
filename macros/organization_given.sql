{#- The one organization that all rows are of, where the tables do not say so. -#}
{% macro organization_given() -%}
    {%- set given = var('lago__organization') or {} -%}
    {%- if not (given.get('id') and given.get('created_at')) -%}
        {%- do exceptions.raise_compiler_error(
            'no table says which organizations there are, or whose its rows are: set lago__organization'
            ~ ' to {id: …, name: …, created_at: …}, of which only the name may be left out'
        ) -%}
    {%- endif -%}
    {{ return(given) }}
{%- endmacro %}

{% macro organizations() -%}
    {%- if var('lago__organizations_table') -%}
        select * from {{ source('lago', 'organizations') }}
        {{ lago_invoice_collection.live_rows() }}
    {%- else -%}
        {%- set given = lago_invoice_collection.organization_given() -%}
        select
            {{ lago_invoice_collection.text_given(given.id) }} as {{ var('lago__id_column') }},
            {{ lago_invoice_collection.text_given(given.name or none) }} as name,
            {{ lago_invoice_collection.text_given(given.created_at) }} as created_at
    {%- endif -%}
{%- endmacro %}

{% macro organization_id(table) -%}
    {%- set name = 'organization_id' if table == 'invoices' else table ~ '.organization_id' -%}
    {%- if name in var('lago__absent_columns') -%}
        {{ lago_invoice_collection.text_given(lago_invoice_collection.organization_given().id) }}
    {%- else -%}
        organization_id
    {%- endif -%}
{%- endmacro %}

{% macro text_given(value) -%}
    {%- set text = 'null' if value is none else dbt.string_literal(dbt.escape_single_quotes(value | string)) -%}
    cast({{ text }} as {{ dbt.type_string() }})
{%- endmacro %}

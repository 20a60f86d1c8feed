{#- Lets a model wait for the seed of the sample that its source then reads: a source has no edge to
    a seed. Nothing where the sample is no seed, nor in unit tests, whose inputs are given. -#}
{% macro after_sample(table) -%}
    {%- if
        target.type != 'duckdb'
        and project_name == 'lago_invoice_collection'
        and not var('lago__schema')
        and model.resource_type != 'unit_test'
    -%}
        {%- do ref('lago_invoice_collection', table) -%}
    {%- endif -%}
{%- endmacro %}

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

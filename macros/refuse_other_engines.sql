{% macro refuse_other_engines() -%}
    {%- set known = {
        'athena': 'Athena', 'bigquery': 'BigQuery', 'databricks': 'Databricks', 'duckdb': 'DuckDB',
        'postgres': 'PostgreSQL', 'snowflake': 'Snowflake', 'spark': 'Spark', 'trino': 'Trino',
    } -%}
    {%- if target.type not in known -%}
        {{ exceptions.raise_compiler_error(
            "lago_invoice_collection does not run on " ~ target.type ~ ", whose casts and sums it"
            ~ " does not know. It runs on " ~ known.values() | sort | join(', ') ~ "."
        ) }}
    {%- endif -%}
{%- endmacro %}

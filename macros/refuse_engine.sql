{% macro refuse_engine() -%}
    {{ exceptions.raise_compiler_error(
        "lago_invoice_collection does not run on " ~ target.type ~ ", whose casts and sums it does not"
        ~ " know; it runs on DuckDB, PostgreSQL, Spark, BigQuery and Snowflake"
    ) }}
{%- endmacro %}

{#- dbt-spark's own makes 'None' of nulls, breaks on quotes and backslashes, and sends numbers through
    floats. Here each value is a literal text, cast to the column's type. -#}
{% macro spark__load_csv_rows(model, agate_table) -%}
    {%- set column_types = model['config'].get('column_types', {}) -%}
    {%- for rows in agate_table.rows | batch(1000) -%}
        {%- set insert -%}
            insert into {{ this.render() }} values
            {%- for row in rows %}
                ({%- for name in agate_table.column_names -%}
                    {%- set type = column_types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
                    {%- set value = row[loop.index0] -%}
                    {%- if value is none -%}
                        cast(null as {{ type }})
                    {%- else -%}
                        cast('{{ value | string | replace('\\', '\\\\') | replace("'", "\\'") }}' as {{ type }})
                    {%- endif -%}
                    {%- if not loop.last %}, {% endif -%}
                {%- endfor -%})
                {%- if not loop.last %},{% endif -%}
            {%- endfor %}
        {%- endset -%}
        {%- do adapter.add_query(insert, abridge_sql_log=True) -%}
    {%- endfor -%}
    {{ return('') }}
{%- endmacro %}

{#- dbt-databricks's own leaves it to the table to make numbers and moments of texts. -#}
{% macro databricks__load_csv_rows(model, agate_table) -%}
    {{ return(spark__load_csv_rows(model, agate_table)) }}
{%- endmacro %}

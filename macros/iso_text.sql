{% macro iso_text(column) -%}
    {{ return(adapter.dispatch('iso_text', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__iso_text(column) -%}
    cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}

{#- A cast would follow the session's DateStyle, which JSON does not. -#}
{% macro postgres__iso_text(column) -%}
    (to_jsonb({{ column }}) #>> '{}')
{%- endmacro %}

{#- A cast would follow the session's time zone, which JSON does not. -#}
{% macro bigquery__iso_text(column) -%}
    json_value(to_json_string({{ column }}))
{%- endmacro %}

{#- A cast would follow the session's output formats. What is of another type is null as a variant. -#}
{% macro snowflake__iso_text(column) -%}
    {%- set moment = 'YYYY-MM-DD HH24:MI:SS.FF6' -%}
    coalesce(
        to_char(as_date(to_variant({{ column }})), 'YYYY-MM-DD'),
        to_char(as_timestamp_ntz(to_variant({{ column }})), '{{ moment }}'),
        to_char(as_timestamp_tz(to_variant({{ column }})), '{{ moment }}TZH:TZM'),
        to_char(as_timestamp_ltz(to_variant({{ column }})), '{{ moment }}TZH:TZM'),
        cast({{ column }} as varchar)
    )
{%- endmacro %}

{#- A cast of a timestamp, which is a moment there, would follow the session's time zone. -#}
{% macro databricks__iso_text(column) -%}
    case
        when typeof({{ column }}) = 'timestamp'
            then get_json_object(
                to_json(
                    named_struct('moment', {{ column }}),
                    map('timeZone', 'UTC', 'timestampFormat', 'yyyy-MM-dd HH:mm:ss.SSSSSS')
                ),
                '$.moment'
            )
        else cast({{ column }} as string)
    end
{%- endmacro %}

{#- The zone of a moment may be one of a region, which moment_validity does not read. By way of text, as
    the column may be of a type that no cast makes a moment of. -#}
{% macro trino__iso_text(column) -%}
    case
        when lower(typeof({{ column }})) like 'timestamp%with time zone'
            then cast(
                at_timezone(
                    try_cast(cast({{ column }} as varchar) as timestamp(6) with time zone), 'UTC'
                )
                as varchar
            )
        else cast({{ column }} as varchar)
    end
{%- endmacro %}

{% macro athena__iso_text(column) -%}
    {{ trino__iso_text(column) }}
{%- endmacro %}

{#- The timestamp in UTC, without zone: an offset in text or type is applied, its absence means UTC. -#}
{% macro utc_timestamp(column) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(column) -%}
    cast({{ column }} as timestamptz) at time zone 'UTC'
{%- endmacro %}

{#- A cast to timestamptz takes the session's time zone where the text has no offset. -#}
{% macro postgres__utc_timestamp(column) -%}
    case
        when
            pg_typeof({{ column }}) = cast('timestamptz' as regtype)
            or cast({{ column }} as text)
            ~* '[0-9]:[0-9]{2}(:[0-9.]+)? ?(z|utc|gmt|[+-][0-9]{2}(:?[0-9]{2})?)$'
            then cast({{ column }} as timestamptz) at time zone 'UTC'
        else cast({{ column }} as timestamp)
    end
{%- endmacro %}

{#- A timestamp is a moment, and a cast takes the session's time zone where the text has no offset:
    UTC in the profile of this project. -#}
{% macro spark__utc_timestamp(column) -%}
    cast({{ column }} as timestamp)
{%- endmacro %}

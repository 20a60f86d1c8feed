{% macro utc_timestamp(column) -%}
    case
        when {{ moment_validity(column) }} = 'valid'
            then {{ adapter.dispatch('moment_in_utc', 'lago_invoice_collection')(column) }}
    end
{%- endmacro %}

{#- A cast needs seconds, an offset with a colon and no blank before it, and takes the session's time
    zone where there is none. -#}
{% macro duckdb__moment_in_utc(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as varchar)' -%}
    {%- set time = "regexp_extract(" ~ text ~ ", '^.{10}[ T]([0-9:.]+)', 1)" -%}
    {%- set offset = "regexp_extract(" ~ text ~ ", '^.{10}.*([+-].*)$', 1)" -%}
    try_cast(
        left({{ text }}, 10) || ' '
        || {{ time }} || substr('00:00:00', length({{ time }}) + 1)
        || coalesce(nullif(regexp_replace({{ offset }}, '^(.{3})([0-9])', '\1:\2'), ''), '+00')
        as timestamptz
    ) at time zone 'UTC'
{%- endmacro %}

{#- A cast to timestamptz takes the session's time zone where the text has no offset, and rounds a
    seventh digit of seconds, which others cut off. -#}
{% macro postgres__moment_in_utc(column) -%}
    {%- set text -%}
        regexp_replace({{ iso_text(column) }}, '([.][0-9]{6})[0-9]+', '\1')
    {%- endset -%}
    case
        when substr({{ text }}, 12) ~ '[A-Zz+-]'
            then cast({{ text }} as timestamptz) at time zone 'UTC'
        else cast({{ text }} as timestamp)
    end
{%- endmacro %}

{#- A cast needs seconds where there is a zone. A timestamp is a moment, and a cast takes the session's
    time zone where the text has none: UTC in the profile of this project. -#}
{% macro spark__moment_in_utc(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as string)' -%}
    {%- set time = "regexp_extract(" ~ text ~ ", '^.{10}[ T]([0-9:.]+)', 1)" -%}
    {%- set zone = "regexp_extract(" ~ text ~ ", '^.{10}[ T][0-9:.]+ ?(.*)', 1)" -%}
    try_cast(
        left({{ text }}, 10) || ' '
        || {{ time }} || substr('00:00:00', length({{ time }}) + 1)
        || upper({{ zone }})
        as timestamp
    )
{%- endmacro %}

{% macro utc_timestamp(column) -%}
    case
        when {{ moment_validity(column) }} = 'valid'
            then {{ adapter.dispatch('moment_in_utc', 'lago_invoice_collection')(column) }}
    end
{%- endmacro %}

{#- The time as written, its fraction cut off after six digits, and the offset taken from it in seconds:
    no cast sees a zone, nor the session's. -#}
{% macro default__moment_in_utc(column) -%}
    {%- set text = iso_text(column) -%}
    {%- set rest = 'substr(' ~ text ~ ', 12)' -%}
    {%- set zone = 'regexp_replace(' ~ rest ~ ", '^[0-9:.]*', '')" -%}
    {%- set time = 'substr(' ~ rest ~ ', 1, length(' ~ rest ~ ') - length(' ~ zone ~ '))' -%}
    {%- set offset = 'rpad(regexp_replace(' ~ zone ~ ", '[^0-9]', ''), 6, '0')" -%}
    {%- set local -%}
        substr({{ text }}, 1, 10) || ' '
        || substr({{ time }} || substr('00:00:00.000000', length({{ time }}) + 1), 1, 15)
    {%- endset -%}
    {%- set seconds -%}
        (
            case when {{ zone }} like '%-%' then 1 else -1 end * (
                cast(substr({{ offset }}, 1, 2) as integer) * 3600
                + cast(substr({{ offset }}, 3, 2) as integer) * 60
                + cast(substr({{ offset }}, 5, 2) as integer)
            )
        )
    {%- endset -%}
    {%- set time_written = adapter.dispatch('written_time', 'lago_invoice_collection')(local) -%}
    {{ adapter.dispatch('seconds_later', 'lago_invoice_collection')(time_written, seconds) }}
{%- endmacro %}

{% macro default__seconds_later(time, seconds) -%}
    {{ dbt.dateadd('second', seconds, time) }}
{%- endmacro %}

{#- timestampadd would make a timestamp of it, in the session's time zone. -#}
{% macro databricks__seconds_later(time, seconds) -%}
    {{ time }} + make_dt_interval(0, 0, 0, {{ seconds }})
{%- endmacro %}

{% macro default__written_time(text) -%}
    {{ refuse_other_engines() }}
{%- endmacro %}

{% macro bigquery__written_time(text) -%}
    safe_cast({{ text }} as datetime)
{%- endmacro %}

{% macro databricks__written_time(text) -%}
    try_cast({{ text }} as timestamp_ntz)
{%- endmacro %}

{% macro snowflake__written_time(text) -%}
    try_to_timestamp_ntz({{ text }}, 'YYYY-MM-DD HH24:MI:SS.FF6')
{%- endmacro %}

{% macro trino__written_time(text) -%}
    try_cast({{ text }} as timestamp(6))
{%- endmacro %}

{#- Hive's tables and views have three digits of seconds. -#}
{% macro athena__written_time(text) -%}
    try_cast(substr({{ text }}, 1, 23) as timestamp(3))
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

{#- Not as on Spark: the session's time zone may be any. -#}
{% macro databricks__moment_in_utc(column) -%}
    {{ default__moment_in_utc(column) }}
{%- endmacro %}

{#- Other engines may take the variants of those that they descend from. -#}
{% macro parse_date(column) -%}
    {{- refuse_other_engines() -}}
    {{ return(adapter.dispatch('parse_date', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__parse_date(column) -%}
    {{ refuse_other_engines() }}
{%- endmacro %}

{% macro duckdb__parse_date(column) -%}
    case
        when typeof({{ column }}) = 'DATE'
            then case
                when try_cast({{ column }} as date) between date '0001-01-01' and date '9999-12-31'
                    then try_cast({{ column }} as date)
            end
        when
            regexp_full_match(cast({{ column }} as varchar), '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            and cast({{ column }} as varchar) not like '0000-%'
            then try_cast({{ column }} as date)
    end
{%- endmacro %}

{#- A cast of a day that does not exist is an error: the day is first compared with the last one of
    its month. By way of text, since types that no cast makes a date of are an error as well. -#}
{% macro postgres__parse_date(column) -%}
    case
        when pg_typeof({{ column }}) = cast('date' as regtype)
            then case
                when
                    cast(cast({{ column }} as text) as date)
                    between date '0001-01-01' and date '9999-12-31'
                    then cast(cast({{ column }} as text) as date)
            end
        when
            cast({{ column }} as text)
            ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'
            then case
                when
                    cast(right(cast({{ column }} as text), 2) as integer) <= extract(
                        day from cast(left(cast({{ column }} as text), 7) || '-01' as date)
                        + interval '1 month - 1 day'
                    )
                    then cast(cast({{ column }} as text) as date)
            end
    end
{%- endmacro %}

{#- As for amounts, '$' would also match before a line's end. A date goes
    through to_date, which leaves it as it is and takes any other type, for which it is not asked. -#}
{% macro spark__parse_date(column) -%}
    case
        when typeof({{ column }}) = 'date'
            then case
                when to_date({{ column }}) between date '0001-01-01' and date '9999-12-31'
                    then to_date({{ column }})
            end
        when
            regexp_extract(cast({{ column }} as string), '^[0-9]{4}-[0-9]{2}-[0-9]{2}', 0)
            = cast({{ column }} as string)
            and cast({{ column }} as string) not like '0000-%'
            then try_cast(cast({{ column }} as string) as date)
    end
{%- endmacro %}

{#- By way of text: to_date of what is no text may be an error there. -#}
{% macro databricks__parse_date(column) -%}
    {{ written_date('cast(' ~ column ~ ' as string)') }}
{%- endmacro %}

{#- safe_cast alone would take '2026-1-5' as well. -#}
{% macro bigquery__parse_date(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as string)' -%}
    case
        when {{ matches(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}') }} and {{ text }} not like '0000-%'
            then safe_cast({{ text }} as date)
    end
{%- endmacro %}

{% macro snowflake__parse_date(column) -%}
    {{ written_date(iso_text(column)) }}
{%- endmacro %}

{% macro trino__parse_date(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as varchar)' -%}
    case
        when {{ matches(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}') }} and {{ text }} not like '0000-%'
            then try_cast({{ text }} as date)
    end
{%- endmacro %}

{% macro athena__parse_date(column) -%}
    {{ trino__parse_date(column) }}
{%- endmacro %}

{% macro written_date(text) -%}
    {{ return(adapter.dispatch('written_date', 'lago_invoice_collection')(text)) }}
{%- endmacro %}

{% macro default__written_date(text) -%}
    {{ parse_date(text) }}
{%- endmacro %}

{% macro snowflake__written_date(text) -%}
    case
        when {{ matches(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}') }} and {{ text }} not like '0000-%'
            then try_to_date({{ text }}, 'YYYY-MM-DD')
    end
{%- endmacro %}

{% macro databricks__written_date(text) -%}
    case
        when
            {{ matches(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}') }} and {{ text }} not like '0000-%'
            then try_cast({{ text }} as date)
    end
{%- endmacro %}

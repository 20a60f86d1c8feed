{% macro parse_amount_cents(column) -%}
    {{ return(adapter.dispatch('parse_amount_cents', 'lago_invoice_collection')(column)) }}
{%- endmacro %}

{% macro default__parse_amount_cents(column) -%}
    {{ refuse_other_engines() }}
{%- endmacro %}

{% macro duckdb__parse_amount_cents(column) -%}
    case
        when typeof({{ column }}) in ('BIGINT', 'INTEGER') then try_cast({{ column }} as bigint)
        when regexp_full_match(cast({{ column }} as varchar), '-?[0-9]+')
            then try_cast(cast({{ column }} as varchar) as bigint)
    end
{%- endmacro %}

{#- The number of digits is limited before anything is cast, as a cast of what does not fit is an
    error; by way of text, as a cast of a type that is no number is one as well. -#}
{% macro postgres__parse_amount_cents(column) -%}
    case
        when pg_typeof({{ column }}) in (cast('bigint' as regtype), cast('integer' as regtype))
            then cast(cast({{ column }} as text) as bigint)
        when cast({{ column }} as text) ~ '^-?0*[0-9]{1,19}$'
            then case
                when
                    cast(cast({{ column }} as text) as numeric)
                    between -9223372036854775808 and 9223372036854775807
                    then cast(cast({{ column }} as text) as bigint)
            end
    end
{%- endmacro %}

{#- What regexp_extract finds is compared with the text, as '$' also matches before a line's end.
    try_cast is null for what does not fit, in ANSI mode too. -#}
{% macro spark__parse_amount_cents(column) -%}
    case
        when typeof({{ column }}) in ('bigint', 'int')
            then try_cast(cast({{ column }} as string) as bigint)
        when
            regexp_extract(cast({{ column }} as string), '^-?[0-9]+', 0)
            = cast({{ column }} as string)
            then try_cast(cast({{ column }} as string) as bigint)
    end
{%- endmacro %}

{#- safe_cast alone would take '+5', ' 12 ' and '0x10' as well. -#}
{% macro bigquery__parse_amount_cents(column) -%}
    case
        when {{ matches('cast(' ~ column ~ ' as string)', '-?[0-9]+') }}
            then safe_cast(cast({{ column }} as string) as int64)
    end
{%- endmacro %}

{#- A bigint has 38 digits there: that the number fits 64 bits is looked at. -#}
{% macro snowflake__parse_amount_cents(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as varchar)' -%}
    case
        when
            {{ matches(text, '-?[0-9]+') }}
            and try_cast({{ text }} as decimal(38, 0))
            between -9223372036854775808 and 9223372036854775807
            then try_cast({{ text }} as decimal(38, 0))
    end
{%- endmacro %}

{#- try_cast alone would take '+5' as well. -#}
{% macro trino__parse_amount_cents(column) -%}
    case
        when {{ matches('cast(' ~ column ~ ' as varchar)', '-?[0-9]+') }}
            then try_cast(cast({{ column }} as varchar) as bigint)
    end
{%- endmacro %}

{% macro athena__parse_amount_cents(column) -%}
    {{ trino__parse_amount_cents(column) }}
{%- endmacro %}

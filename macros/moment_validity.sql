{#- Whether a column, of whatever type, is a moment: valid, missing, or invalid. A moment is a finite
    date or timestamp, or text written like one: YYYY-MM-DD, a time and a zone being optional. It is
    told by the text, which no cast makes kinder than it is. -#}
{% macro moment_validity(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {%- set zone = ' ?([Zz]|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2}){0,2})' -%}
    {%- set time = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?' -%}
    {%- set pattern = '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]' ~ time ~ '(' ~ zone ~ ')?)?' -%}
    case
        when {{ column }} is null then 'missing'
        when nullif({{ text }}, '') is null then 'missing'
        when
            {{ matches(text, pattern) }}
            and {{ parse_date('substr(' ~ text ~ ', 1, 10)') }} is not null
            then 'valid'
        else 'invalid'
    end
{%- endmacro %}

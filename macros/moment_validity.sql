{#- Whether a column of any type holds a moment: 'valid', 'missing' or 'invalid'. A moment is a day of
    the years 1 to 9999 that exists, alone or with a time of day, and that with or without a zone. -#}
{% macro moment_validity(column) -%}
    {%- set text = iso_text(column) -%}
    {%- set day = parse_date('left(' ~ text ~ ', 10)') -%}
    {%- set time = '[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?' -%}
    {%- set zone = ' ?(UTC|GMT|Z|z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9](:[0-5][0-9])?)?)' -%}
    {%- set rest = '(' ~ time ~ '(' ~ zone ~ ')?)?' -%}
    case
        when {{ column }} is null then 'missing'
        when nullif({{ text }}, '') is null then 'missing'
        when
            {{ day }} is not null
            and {{ matches('substr(' ~ text ~ ', 11)', rest) }}
            then 'valid'
        else 'invalid'
    end
{%- endmacro %}

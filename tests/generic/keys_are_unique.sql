{#- The combinations of columns that occur more than once, nulls being equal. -#}
{% test keys_are_unique(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as rows_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}

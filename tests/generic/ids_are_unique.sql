{#- The ids that occur more than once or are null, with the number of their rows. -#}
{% test ids_are_unique(model, column_name) %}

select
    {{ column_name }},
    count(*) as rows_count
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null

{% endtest %}

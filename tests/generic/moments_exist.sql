{#- The values of a column that are no moment, each with the id of its row; column_name says whether they
    are valid, given is where they are as the source has them. -#}
{% test moments_exist(model, column_name, id, given) %}

select
    {{ id }},
    '{{ given }}' as column_given,
    {{ iso_text(given) }} as value_given
from {{ model }}
where {{ column_name }} = 'invalid'

{% endtest %}

{#- The ids that occur more than once or are null, with the number of their rows. -#}
{% test ids_are_unique(model, column_name) %}

{{ repeated_ids(model, column_name) }}

{% endtest %}

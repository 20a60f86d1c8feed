{#- The rows whose validity is invalid: what is given there is neither missing nor what it must be. -#}
{% test is_not_invalid(model, column_name) %}
select * from {{ model }}
where {{ column_name }} = 'invalid'
{% endtest %}

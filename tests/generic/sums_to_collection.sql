{#- The cells of invoice_collection that are not the sum of the model's, which divides them. -#}
{% test sums_to_collection(model) %}

{%- set cell = 'organization_id, month, payment_status, currency' %}
select
    {{ cell }},
    sum(invoices_count) as invoices_surplus,
    sum(amount_cents) as cents_surplus
from (
    select
        {{ cell }},
        invoices_count,
        cast(amount_cents as {{ exact_type() }}) as amount_cents
    from {{ ref('lago_invoice_collection', 'invoice_collection') }}
    union all
    select
        {{ cell }},
        -invoices_count,
        -cast(amount_cents as {{ exact_type() }})
    from {{ model }}
) as entries
group by {{ cell }}
having sum(invoices_count) <> 0 or sum(amount_cents) <> 0

{% endtest %}

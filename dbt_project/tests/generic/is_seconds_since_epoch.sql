{#- 1990-01-01 to 2100-01-01: kilo-, milli- and nanoseconds all fall outside. -#}
{% test is_seconds_since_epoch(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} not between 631152000 and 4102444800
{% endtest %}

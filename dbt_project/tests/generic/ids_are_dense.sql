{#- Ids run 0, 1, 2, … within every data set; that none comes twice is another test. -#}
{% test ids_are_dense(model, id_column) %}
select dataset
from {{ model }}
group by dataset
having
    min({{ id_column }}) <> 0
    or max({{ id_column }}) <> count(*) - 1
{% endtest %}

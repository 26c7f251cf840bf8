{#- Ids run 0, 1, 2, … within every data set. -#}
{% test ids_are_dense(model, id_column) %}
select dataset
from {{ model }}
group by dataset
having
    min({{ id_column }}) <> 0
    or max({{ id_column }}) <> count(*) - 1
    or count(distinct {{ id_column }}) <> count(*)
{% endtest %}

{#- Where data sets are split by time, every row is of the split that its time lies in:
    nothing of train is at or after the cut. -#}
{% test split_is_that_of_time(model, at) %}
select
    model.dataset,
    model.{{ at }}
from {{ model }} as model
inner join {{ ref('split_times') }} as split_times
    on model.dataset = split_times.dataset
where model.split is distinct from {{ split_at('model.' ~ at, 'split_times') }}
{% endtest %}

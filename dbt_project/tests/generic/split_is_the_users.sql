{#- No row of a user outside the user's split, where data sets are split by user. -#}
{% test split_is_the_users(model) %}
select
    model.dataset,
    model.user_id,
    model.split
from {{ model }} as model
left join {{ ref('user_splits') }} as user_splits
    on
        model.dataset = user_splits.dataset
        and model.user_id = user_splits.user_id
where
    model.split is distinct from user_splits.split
    and model.dataset not in (select dataset from {{ ref('split_times') }})
{% endtest %}

{#- K support and Q query pairs of the episode's own user and split, every support label
    strictly before every query label: recomputed from the pair table. Where a data set is
    split by time, the support may be of an earlier split. -#}
{% test episodes_are_sound(model, k, q) %}
with

asked as (

    select
        dataset,
        episode_id,
        user_id,
        split,
        'support' as part,
        {{ list_rows('support_pair_ids') }} as pair_id
    from {{ model }}

    union all

    select
        dataset,
        episode_id,
        user_id,
        split,
        'query' as part,
        {{ list_rows('query_pair_ids') }} as pair_id
    from {{ model }}

)

select
    asked.dataset,
    asked.episode_id
from asked
left join {{ ref('split_times') }} as split_times
    on asked.dataset = split_times.dataset
-- by keys alone: a condition with `or` in a join took minutes on millions of episodes
left join {{ ref('pairs') }} as pairs
    on
        asked.dataset = pairs.dataset
        and asked.pair_id = pairs.pair_id
        and asked.user_id = pairs.user_id
group by asked.dataset, asked.episode_id
having
    count(case
        when
            asked.part = 'support'
            and (asked.split = pairs.split or split_times.dataset is not null)
            then pairs.pair_id
    end) <> {{ k }}
    or count(case
        when asked.part = 'query' and asked.split = pairs.split then pairs.pair_id
    end) <> {{ q }}
    or max(case when asked.part = 'support' then pairs.label_ts_epoch end)
    >= min(case when asked.part = 'query' then pairs.label_ts_epoch end)

union all

-- not counted above: distinct ids of millions of groups take gigabytes
select
    dataset,
    episode_id
from {{ model }}
where
    {{ list_length('support_pair_ids') }} <> {{ k }}
    or {{ list_length('array_distinct(support_pair_ids)') }} <> {{ k }}
    or {{ list_length('query_pair_ids') }} <> {{ q }}
    or {{ list_length('array_distinct(query_pair_ids)') }} <> {{ q }}
{% endtest %}

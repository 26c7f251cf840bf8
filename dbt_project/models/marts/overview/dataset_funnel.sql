-- One row per data set and step from raw rows to episodes: what was dropped where.
{%- set steps = [
    ('raw rows', ref('int_event_types'), 'sum(n_events)', 'null', 'true'),
    ('of a known user', ref('int_event_types'), 'sum(n_user_events)', 'null', 'true'),
    ('of kept event types', ref('int_event_types'), 'sum(n_user_events)', 'null',
        'is_kept'),
    ('without exact repeats', ref('int_user_activity'), 'sum(n_events)', 'count(*)',
        'true'),
    ('of users with enough events', ref('int_user_activity'), 'sum(n_events)',
        'count(*)', 'is_kept'),
    ('events of kept sessions', ref('sessions'), 'sum(n_events)',
        'count(distinct user_id)', 'true'),
    ('sessions', ref('sessions'), 'count(*)', 'count(distinct user_id)', 'true'),
    ('pairs', ref('pairs'), 'count(*)', 'count(distinct user_id)', 'true'),
    ('episodes_k5_q10', ref('episodes_k5_q10'), 'count(*)',
        'count(distinct user_id)', 'true'),
    ('episodes_k2_q3', ref('episodes_k2_q3'), 'count(*)',
        'count(distinct user_id)', 'true'),
    ('causal_trials', ref('causal_trials'), 'count(*)',
        'count(distinct user_id)', 'true'),
    ('causal_trials, not censored', ref('causal_trials'), 'count(*)',
        'count(distinct user_id)', 'not censored'),
    ('graded first answers', ref('int_answers_unioned'), 'count(*)',
        'count(distinct user_id)', 'true'),
    ('answers to described items', ref('int_answers_unioned'), 'count(*)',
        'count(distinct user_id)', 'skill_keys is not null'),
    ('responses', ref('responses'), 'count(*)', 'count(distinct user_id)', 'true'),
    ('responses with a skill', ref('responses'), 'count(*)', 'count(distinct user_id)',
        list_length('skill_keys') ~ ' > 0'),
] %}

{% for step, relation, n_rows, n_users, condition in steps %}
select
    dataset,
    {{ loop.index }} as step_number,
    '{{ step }}' as step,
    cast({{ n_rows }} as bigint) as n_rows,
    cast({{ n_users }} as bigint) as n_users

from {{ relation }}

where {{ condition }}

group by dataset
{% if not loop.last %}
union all
{% endif %}
{% endfor %}

-- One row per data set with raw rows and step: what was left, zeros too. What was not
-- built, since another family was asked for, counts as nothing.
{%- set event_types = ref('int_event_types') -%}
{%- set users = ref('int_user_activity') -%}
{%- set sessions = ref('sessions') -%}
{%- set trials = ref('causal_trials') -%}
{%- set answers = ref('int_answers_unioned') -%}
{%- set responses = ref('responses') -%}
{%- set n, n_users = 'count(*)', 'count(distinct user_id)' -%}
{#- step, relation, rows, users, condition -#}
{%- set steps = [
    ('raw rows', event_types, 'sum(n_events)', 'null', 'true'),
    ('of a known user', event_types, 'sum(n_user_events)', 'null', 'true'),
    ('of kept event types', event_types, 'sum(n_user_events)', 'null', 'is_kept'),
    ('without exact repeats', users, 'sum(n_events)', n, 'true'),
    ('of users with enough events', users, 'sum(n_events)', n, 'is_kept'),
    ('events of kept sessions', sessions, 'sum(n_events)', n_users, 'true'),
    ('sessions', sessions, n, n_users, 'true'),
    ('pairs', ref('pairs'), n, n_users, 'true'),
] -%}
{%- for mart in var('episode_marts') -%}
{%- do steps.append((mart, ref(mart), n, n_users, 'true')) -%}
{%- endfor -%}
{%- do steps.extend([
    ('causal_trials', trials, n, n_users, 'true'),
    ('causal_trials, not censored', trials, n, n_users, 'not censored'),
    ('graded first answers', answers, n, n_users, 'true'),
    ('answers to described items', answers, n, n_users, 'skill_keys is not null'),
    ('responses', responses, n, n_users, 'true'),
    ('responses with a skill', responses, n, n_users,
        list_length('skill_keys') ~ ' > 0'),
]) -%}
{{- tell_of_uncounted_episodes() }}
with

datasets_found as (

    select distinct dataset

    from {{ event_types }}

),

steps as (

    {% for step, relation, n_rows, n_users, condition in steps %}
    select
        {{ loop.index }} as step_number,
        '{{ step }}' as step,
        {{ n_users != 'null' }} as looks_at_users
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

),

rows_left as (

    {% for step, relation, n_rows, n_users, condition in steps if is_built(relation) %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        dataset,
        '{{ step }}' as step,
        cast({{ n_rows }} as bigint) as n_rows,
        cast({{ n_users }} as bigint) as n_users

    from {{ relation }}

    where {{ condition }}

    group by dataset
    {% endfor %}

)

select
    datasets_found.dataset,
    steps.step_number,
    steps.step,
    coalesce(rows_left.n_rows, 0) as n_rows,
    case when steps.looks_at_users then coalesce(rows_left.n_users, 0) end as n_users

from datasets_found

cross join steps

left join rows_left
    on
        datasets_found.dataset = rows_left.dataset
        and steps.step = rows_left.step

{% for dataset, number, step, n_rows in own_steps() %}
union all

select
    dataset,
    {{ number }} as step_number,
    {{ sql_text(step) }} as step,
    cast({{ n_rows }} as bigint) as n_rows,
    cast(null as bigint) as n_users

from datasets_found

where dataset = '{{ dataset }}'
{% endfor %}

-- One row per data set and step from raw rows to episodes: what was dropped where.
with

raw_rows_counted as (

    select
        dataset,
        1 as step_number,
        'raw rows' as step,
        count(*) as n_rows,
        cast(null as bigint) as n_users

    from {{ ref('int_events_unioned') }}

    group by dataset

),

distinct_rows_counted as (

    select
        dataset,
        2 as step_number,
        'without exact repeats' as step,
        sum(n_events) as n_rows,
        cast(null as bigint) as n_users

    from {{ ref('int_event_types') }}

    group by dataset

),

kept_types_counted as (

    select
        dataset,
        3 as step_number,
        'of kept event types' as step,
        sum(n_events) as n_rows,
        count(*) as n_users

    from {{ ref('int_users') }}

    group by dataset

),

kept_users_counted as (

    select
        dataset,
        4 as step_number,
        'of users with enough events' as step,
        sum(n_events) as n_rows,
        count(*) as n_users

    from {{ ref('int_users') }}

    where is_kept

    group by dataset

),

kept_sessions_counted as (

    select
        dataset,
        5 as step_number,
        'events of kept sessions' as step,
        sum(n_events) as n_rows,
        count(distinct user_id) as n_users

    from {{ ref('sessions') }}

    group by dataset

),

{% for mart in ['sessions', 'pairs', 'episodes_k5_q10', 'episodes_k2_q3'] %}
{{ mart }}_counted as (

    select
        dataset,
        {{ 5 + loop.index }} as step_number,
        '{{ mart }}' as step,
        count(*) as n_rows,
        count(distinct user_id) as n_users

    from {{ ref(mart) }}

    group by dataset

),
{% endfor %}

steps as (

    select * from raw_rows_counted
    union all
    select * from distinct_rows_counted
    union all
    select * from kept_types_counted
    union all
    select * from kept_users_counted
    union all
    select * from kept_sessions_counted
    {% for mart in ['sessions', 'pairs', 'episodes_k5_q10', 'episodes_k2_q3'] %}
    union all
    select * from {{ mart }}_counted
    {% endfor %}

)

select
    dataset,
    step_number,
    step,
    cast(n_rows as bigint) as n_rows,
    cast(n_users as bigint) as n_users

from steps

-- One row per response: what its user had shown before, in strictly earlier seconds.
-- depends_on: {{ ref('responses') }}
-- (one large sort after the other: side by side they do not fit into 3 GB)
with

responses as (

    select * from {{ ref('int_responses') }}

),

skill_lists as (

    select * from {{ ref('int_skill_list_ids') }}

),

users as (

    select * from {{ ref('int_users') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

users_followed as (

    select
        response_id,
        user_number,
        ts_epoch,
        count(*) over user_before as prior_n,
        count(case when correct then 1 end) over user_before as prior_n_correct,
        count(case when help_before then 1 end) over user_before as prior_n_help,
        last_value(ts_epoch) over user_before as prior_ts_epoch,
        -- whole microseconds add up to the same sum in any order
        sum(cast(floor(latency_sec * 1e6 + 0.5) as bigint)) over user_before
            as prior_latency_us,
        count(latency_sec) over user_before as prior_n_latencies,
        count(*) over item_before as item_prior_n,
        count(case when correct then 1 end) over item_before as item_prior_n_correct

    from responses

    window
        user_before as (
            partition by user_number
            order by ts_epoch
            range between unbounded preceding and 1 preceding
        ),
        item_before as (
            partition by user_number, item_id
            order by ts_epoch
            range between unbounded preceding and 1 preceding
        )

),

skills_parted as (

    select
        responses.response_id,
        responses.user_number,
        responses.ts_epoch,
        responses.correct,
        {{ list_rows('skill_lists.skill_ids') }} as skill_id

    from responses

    inner join skill_lists
        on responses.skill_list_number = skill_lists.skill_list_number

),

skills_followed as (

    select
        response_id,
        user_number,
        -- rows of one response share its second: none sees another
        count(*) over skill_before as prior_n,
        {{ smoothed_rate(
            'count(case when correct then 1 end) over skill_before',
            'count(*) over skill_before'
        ) }} as prior_correct_rate

    from skills_parted

    window skill_before as (
        partition by user_number, skill_id
        order by ts_epoch
        range between unbounded preceding and 1 preceding
    )

),

skills_averaged as (

    select
        response_id,
        user_number,
        avg(prior_n) as prior_n,
        {{ exact_mean('prior_correct_rate') }} as prior_correct_rate

    from skills_followed

    group by user_number, response_id

)

select
    users.dataset,
    users_followed.response_id,
    users.user_id,
    users.split,
    users_followed.prior_n,
    {{ smoothed_rate('users_followed.prior_n_correct', 'users_followed.prior_n') }}
        as prior_correct_rate,
    coalesce(skills_averaged.prior_n, 0.0) as skill_prior_n,
    coalesce(
        skills_averaged.prior_correct_rate, {{ smoothed_rate('0', '0') }}
    ) as skill_prior_correct_rate,
    users_followed.item_prior_n,
    {{ smoothed_rate(
        'users_followed.item_prior_n_correct', 'users_followed.item_prior_n'
    ) }} as item_prior_correct_rate,
    -- between places of an order lies no time
    case
        when not datasets.time_is_order
            then users_followed.ts_epoch - users_followed.prior_ts_epoch
    end as seconds_since_previous,
    users_followed.prior_n_help / cast(nullif(users_followed.prior_n, 0) as double)
        as prior_help_rate,
    users_followed.prior_latency_us
    / (1e6 * nullif(users_followed.prior_n_latencies, 0)) as prior_latency_sec

from users_followed

inner join users on users_followed.user_number = users.user_number

inner join datasets on users.dataset = datasets.dataset

left join skills_averaged
    on
        users_followed.user_number = skills_averaged.user_number
        and users_followed.response_id = skills_averaged.response_id

-- One row per response, an answer in a kept session, in integers: what follows sorts
-- and joins on them, and texts are looked up at the end.
with

answers as (

    select * from {{ ref('int_answers_unioned') }}

),

skill_lists as (

    select * from {{ ref('int_skill_lists') }}

),

users as (

    select
        int_users.dataset,
        int_users.user_id,
        int_users.user_number,
        datasets.session_gap_sec

    from {{ ref('int_users') }} as int_users

    inner join {{ ref('datasets') }} as datasets on int_users.dataset = datasets.dataset

),

vocab as (

    select * from {{ ref('vocab') }}

),

stretches as (

    select * from {{ ref('int_session_stretches') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

answers_numbered as (

    select
        answers.dataset,
        users.user_number,
        vocab.item_id,
        skill_lists.skill_list_number,
        answers.answer_number,
        answers.correct,
        answers.answered_at,
        {{ epoch_seconds('answers.answered_at') }} as ts_epoch,
        cast(
            floor({{ epoch_seconds('answers.answered_at') }} / users.session_gap_sec)
            as bigint
        ) as stretch,
        -- not least(): of a null and a number it may take the number
        case
            when answers.latency_sec > {{ var('max_latency_sec') }}
                then {{ var('max_latency_sec') }}
            else answers.latency_sec
        end as latency_sec,
        answers.help_before

    from answers

    inner join users
        on
            answers.dataset = users.dataset
            and answers.user_id = users.user_id

    inner join vocab
        on
            answers.dataset = vocab.dataset
            and answers.item_key = vocab.item_key

    inner join skill_lists
        on
            answers.dataset = skill_lists.dataset
            and coalesce(answers.skill_keys, {{ empty_list('varchar') }})
            = skill_lists.skill_keys

),

sessions_found as (

    select
        answers_numbered.*,
        stretches.session_number

    from answers_numbered

    inner join stretches
        on
            answers_numbered.user_number = stretches.user_number
            and answers_numbered.stretch = stretches.stretch

    -- inner: answers of dropped users and sessions go with them
    inner join sessions
        on
            stretches.user_number = sessions.user_number
            and stretches.session_number = sessions.session_number

),

-- a sort of each user and a sum over users, in place of one sort of all responses
users_counted as (

    select
        user_number,
        sum(count(*)) over (
            partition by dataset
            order by user_number
        ) - count(*) as n_responses_before

    from sessions_found

    group by dataset, user_number

)

select
    sessions_found.dataset,
    cast(
        users_counted.n_responses_before
        + row_number() over (
            partition by sessions_found.user_number
            -- total order: time comes before the item, so ids rise with a user's time
            order by
                sessions_found.answered_at,
                sessions_found.item_id,
                sessions_found.answer_number
        ) - 1 as bigint
    ) as response_id,
    sessions_found.user_number,
    sessions_found.session_number,
    sessions_found.item_id,
    sessions_found.skill_list_number,
    sessions_found.correct,
    sessions_found.answered_at,
    sessions_found.ts_epoch,
    cast(sessions_found.latency_sec as double) as latency_sec,
    sessions_found.help_before

from sessions_found

inner join users_counted on sessions_found.user_number = users_counted.user_number

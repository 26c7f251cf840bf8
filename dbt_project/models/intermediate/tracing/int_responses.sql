-- One row per response, an answer in a kept session, in integers: what follows sorts
-- and joins on them, and texts are looked up at the end.
with

answers as (

    select * from {{ ref('int_answers_numbered') }}

),

vocab as (

    select * from {{ ref('int_vocab') }}

),

stretches as (

    select * from {{ ref('int_session_stretches') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

sessions_found as (

    select
        sessions.dataset,
        sessions.user_number,
        sessions.session_number,
        vocab.item_id,
        answers.skill_list_number,
        answers.answer_number,
        answers.correct,
        answers.answered_at,
        answers.ts_epoch,
        answers.latency_sec,
        answers.help_before

    from answers

    inner join vocab on answers.item_number = vocab.item_number

    inner join stretches
        on
            answers.user_number = stretches.user_number
            and answers.stretch = stretches.stretch
            and answers.platform_session = stretches.platform_session

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

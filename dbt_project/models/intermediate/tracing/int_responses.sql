-- One row per response, an answer in a kept session, in integers: what follows sorts
-- and joins on them, and texts are looked up at the end. Its place among its user's and
-- what the user had answered on its item are told here, where they are sorted anyway.
{%- set n_correct = 'count(case when correct then 1 end)' %}
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
            and coalesce(answers.platform_session, '') = stretches.platform_session

    -- inner: answers of dropped users and sessions go with them
    inner join sessions
        on
            stretches.user_number = sessions.user_number
            and stretches.session_number = sessions.session_number

),

answers_placed as (

    select
        *,
        row_number() over (
            partition by user_number
            -- total order: time comes before the item, so ids rise with a user's time
            order by answered_at, item_id, answer_number
        ) - 1 as user_position,
        row_number() over (
            partition by user_number, item_id
            -- the second goes before, though the moment says it, for the windows on it
            -- to share the sort
            order by ts_epoch, answered_at, answer_number
        ) as attempt,
        rank() over (
            partition by user_number, item_id
            order by ts_epoch
        ) - 1 as item_prior_n,
        {{ in_earlier_seconds(n_correct, 'user_number, item_id') }}
            as item_prior_n_correct

    from sessions_found

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
    answers_placed.dataset,
    cast(users_counted.n_responses_before + answers_placed.user_position as bigint)
        as response_id,
    answers_placed.user_number,
    cast(answers_placed.user_position as integer) as user_position,
    answers_placed.session_number,
    answers_placed.item_id,
    answers_placed.skill_list_number,
    answers_placed.correct,
    answers_placed.answered_at,
    answers_placed.ts_epoch,
    cast(answers_placed.latency_sec as double) as latency_sec,
    answers_placed.help_before,
    cast(answers_placed.attempt as integer) as attempt,
    cast(answers_placed.item_prior_n as integer) as item_prior_n,
    cast(answers_placed.item_prior_n_correct as integer) as item_prior_n_correct

from answers_placed

inner join users_counted on answers_placed.user_number = users_counted.user_number

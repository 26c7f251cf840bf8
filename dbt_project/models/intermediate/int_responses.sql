-- One row per response, an answer in a kept session, with the integers that what
-- follows sorts and joins on.
with

answers as (

    select * from {{ ref('int_answers_unioned') }}

),

users as (

    select
        int_users.dataset,
        int_users.user_id,
        int_users.user_key,
        int_users.split,
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

answers_keyed as (

    select
        answers.dataset,
        answers.user_id,
        users.split,
        users.user_key,
        vocab.item_id,
        answers.item_key,
        answers.answer_key,
        coalesce(answers.skill_keys, []) as skill_keys,
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

),

sessions_found as (

    select
        answers_keyed.*,
        sessions.session_id

    from answers_keyed

    -- inner: answers of dropped users and sessions go with them
    inner join stretches
        on
            answers_keyed.user_key = stretches.user_key
            and answers_keyed.stretch = stretches.stretch

    inner join sessions
        on
            stretches.user_key = sessions.user_key
            and stretches.session_number = sessions.session_number

)

select
    dataset,
    row_number() over (
        partition by dataset
        -- total order: time comes before the item, so ids rise with a user's time
        order by user_key, answered_at, item_id, answer_key
    ) - 1 as response_id,
    user_id,
    split,
    user_key,
    session_id,
    item_id,
    item_key,
    skill_keys,
    correct,
    answered_at,
    ts_epoch,
    cast(latency_sec as double) as latency_sec,
    help_before

from sessions_found

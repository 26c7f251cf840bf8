{{ config(materialized='view') }}
-- One row per graded answer of a user's own, with numbers for user, item and list of
-- skills, and the stretch of time it lies in, by the same rules as events.
with

answers as (

    select * from {{ ref('int_answers_unioned') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

),

users as (

    select * from {{ ref('int_users') }}

),

items as (

    select * from {{ ref('int_items') }}

),

skill_lists as (

    select * from {{ ref('int_skill_lists') }}

)

select
    users.user_number,
    items.item_number,
    skill_lists.skill_list_number,
    answers.answer_number,
    answers.correct,
    answers.answered_at,
    {{ epoch_seconds('answers.answered_at') }} as ts_epoch,
    {{ stretch_of('answers.answered_at', 'answers.platform_session', 'event_types') }},
    -- not least(): of a null and a number it may take the number
    case
        when answers.latency_sec > {{ var('max_latency_sec') }}
            then {{ var('max_latency_sec') }}
        else answers.latency_sec
    end as latency_sec,
    case
        when event_types.is_kept then answers.help_before
        else {{ error_of(
            "'datasets: ' || answers.dataset || ': event_type_prefixes drops '"
            ~ " || answers.event_type || ', the events of graded answers; keep them'"
        ) }}
    end as help_before

from answers

inner join event_types
    on
        answers.dataset = event_types.dataset
        and answers.event_type = event_types.event_type

inner join users
    on
        answers.dataset = users.dataset
        and answers.user_id = users.user_id

inner join items
    on
        answers.dataset = items.dataset
        and answers.item_key = items.item_key

inner join skill_lists
    on
        answers.dataset = skill_lists.dataset
        and coalesce(answers.skill_keys, {{ empty_list('varchar') }})
        = skill_lists.skill_keys

where event_types.family = 'tracing'

-- One row per response: a graded first answer.
with

responses as (

    select * from {{ ref('int_responses') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

vocab as (

    select * from {{ ref('vocab') }}

),

skill_lists as (

    select * from {{ ref('int_skill_lists') }}

)

select
    sessions.dataset,
    responses.response_id,
    sessions.user_id,
    sessions.split,
    sessions.session_id,
    responses.item_id,
    vocab.item_key,
    skill_lists.skill_keys,
    responses.correct,
    responses.answered_at,
    responses.ts_epoch,
    responses.latency_sec,
    responses.help_before,
    responses.attempt

from responses

inner join sessions
    on
        responses.user_number = sessions.user_number
        and responses.session_number = sessions.session_number

inner join vocab
    on
        sessions.dataset = vocab.dataset
        and responses.item_id = vocab.item_id

inner join skill_lists on responses.skill_list_number = skill_lists.skill_list_number

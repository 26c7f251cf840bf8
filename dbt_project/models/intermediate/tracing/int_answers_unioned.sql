{{ config(materialized='view') }}
-- One row per graded first answer of every data set of knowledge tracing. A new data
-- set is a branch here: each answer is one of its events, of the same type, moment and
-- session of the platform. `skill_keys` is null where nothing describes the item.
select
    'edm_cup_2023' as dataset,
    user_id,
    item_key,
    case when correct then 'correct_response' else 'wrong_response' end as event_type,
    platform_session,
    answer_number,
    answered_at,
    correct,
    latency_sec,
    help_before,
    skill_keys

from {{ ref('int_edm_cup_2023_answers') }}

union all

select
    dataset,
    user_id,
    item_key,
    event_type,
    platform_session,
    order_id as answer_number,
    event_at as answered_at,
    correct,
    latency_sec,
    help_before,
    skill_keys

from {{ ref('stg_assistments_2009__answers') }}

where is_original

union all

select
    dataset,
    user_id,
    item_key,
    event_type,
    platform_session,
    answer_number,
    event_at as answered_at,
    correct,
    latency_sec,
    help_before,
    skill_keys

from {{ ref('stg_own__answers') }}

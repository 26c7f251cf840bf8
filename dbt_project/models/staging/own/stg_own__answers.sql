{{ config(materialized='table') }}
-- One row per graded answer of every own log of tracing. A table, so that answers of
-- one user to one item in one moment keep their numbers.
with

raw_answers as (

    select * from {{ own_rows('tracing') }}

)

select
    dataset,
    user_id,
    item_key,
    event_type,
    event_at,
    platform_session,
    cast(
        row_number() over (
            partition by dataset, user_id, item_key, event_at
            order by
                correct,
                latency_sec nulls first,
                skill_keys,
                event_type,
                platform_session nulls first
        ) as bigint
    ) as answer_number,
    correct,
    latency_sec,
    false as help_before,
    skill_keys

from raw_answers

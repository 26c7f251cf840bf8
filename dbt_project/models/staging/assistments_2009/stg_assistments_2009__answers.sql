{{ config(materialized='table') }}
-- One row per order_id, with the skills of its rows as a list. A table, since every
-- reading of the text file costs as much again.
with

raw_answers as (

    select * from {{ raw_rows('assistments_2009', 'skill_builder_data') }}

)

select
    'assistments_2009' as dataset,
    order_id,
    min(user_id) as user_id,
    min(problem_id) as item_key,
    case when min(original) = 0 then 'scaffold_response' else 'response' end
        as event_type,
    -- ordinal, not a time of day: only the order of two answers means anything
    {{ add_seconds("timestamp '2009-01-01'", 'order_id') }} as event_at,
    min(original) <> 0 as is_original,
    {{ sorted_set("nullif(nullif(skill_id, ''), 'NA')") }} as skill_keys,
    min(correct) = 1 as correct,
    -- the log has some negative ones, which are no durations
    case when min(ms_first_response) >= 0 then min(ms_first_response) / 1e3 end
        as latency_sec,
    coalesce(max(first_action), 0) > 0 as help_before

from raw_answers

group by order_id

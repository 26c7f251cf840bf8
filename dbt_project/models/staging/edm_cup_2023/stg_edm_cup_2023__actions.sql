{{ config(
    materialized='table',
    post_hook="{{ warn_of_strangers(
        this, 'unknown_assignment_log_id', 'assignment_number is null',
        ref('stg_edm_cup_2023__assignments'), 'assignment_log_id',
        'edm_cup_2023/action_logs.csv', 'assignment_details.csv'
    ) }}"
) }}
-- One row per action; the user is null where the assignment has no student. A table,
-- since every reading of the text file costs as much again; no data set's name,
-- since a text costs as much to write as three numbers, though it never changes.
with

raw_actions as (

    select * from {{ raw_rows('edm_cup_2023', 'action_logs') }}

),

assignments as (

    select * from {{ ref('stg_edm_cup_2023__assignments') }}

)

select
    assignments.user_id,
    raw_actions.problem_id as item_key,
    raw_actions.action as event_type,
    raw_actions.timestamp as event_at,
    assignments.assignment_number,
    -- of millions of rows, only to be named in a warning
    case
        when assignments.assignment_number is null then raw_actions.assignment_log_id
    end as unknown_assignment_log_id

from raw_actions

left join assignments
    on raw_actions.assignment_log_id = assignments.assignment_log_id

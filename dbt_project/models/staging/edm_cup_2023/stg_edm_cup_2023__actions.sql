{{ config(
    materialized='table',
    post_hook=[
        "{{ check_staged_rows(
            'edm_cup_2023', 'action_logs', {
                'assignment_log_id': 'unknown_assignment_log_id', 'timestamp': 'event_at',
                'problem_id': 'item_key', 'action': 'event_type'
            }, (ref('stg_edm_cup_2023__assignments'), 'assignment_log_id')
        ) }}",
        "{{ warn_of_strangers(
            this, 'unknown_assignment_log_id', 'assignment_number is null',
            ref('stg_edm_cup_2023__assignments'), 'assignment_log_id',
            'edm_cup_2023/action_logs.csv', 'assignment_details.csv'
        ) }}",
    ]
) }}
-- One row per action; the user is null where the assignment has no student. A table,
-- since every reading of the text file costs as much again; no data set's name,
-- since a text costs as much to write as three numbers, though it never changes.
with

raw_actions as (

    select * from {{ raw_rows_to_check('edm_cup_2023', 'action_logs') }}

),

assignments_found as (

    select
        *,
        {{ row_of(
            ref('stg_edm_cup_2023__assignments'), 'assignment_log_id',
            'raw_actions.assignment_log_id', ['assignment_number', 'user_id']
        ) }} as assignment

    from raw_actions

)

select
    assignments_found.assignment.user_id,
    assignments_found.problem_id as item_key,
    assignments_found.action as event_type,
    assignments_found.timestamp as event_at,
    assignments_found.assignment.assignment_number,
    -- of millions of rows, only to be named in a warning
    case
        when assignments_found.assignment is null
            then assignments_found.assignment_log_id
    end as unknown_assignment_log_id

from assignments_found

-- One row per problem of an assignment that got a graded answer: the first one.
with

actions as (

    select * from {{ ref('stg_edm_cup_2023__actions') }}

),

assignments as (

    select * from {{ ref('stg_edm_cup_2023__assignments') }}

),

problems as (

    select * from {{ ref('stg_edm_cup_2023__problems') }}

),

problems_worked_on as (

    -- an assignment is one student's: in the group, the student would only cost
    select
        assignment_number,
        item_key,
        min(event_at) filter (where event_type = 'correct_response') as first_right_at,
        min(event_at) filter (where event_type = 'wrong_response') as first_wrong_at,
        min(event_at) filter (
            where event_type in (
                'hint_requested',
                'explanation_requested',
                'answer_requested',
                'skill_related_video_requested',
                'live_tutor_requested'
            )
        ) as first_help_at,
        {{ window_list('event_at') }} filter (where event_type = 'problem_started')
            as starts

    from actions

    where
        item_key is not null
        and event_type not in ('open_response', 'problem_finished', 'continue_selected')

    group by assignment_number, item_key

),

first_answers_kept as (

    select
        *,
        least(
            coalesce(first_right_at, first_wrong_at),
            coalesce(first_wrong_at, first_right_at)
        ) as answered_at

    from problems_worked_on

    where first_right_at is not null or first_wrong_at is not null

),

starts_chosen as (

    select
        *,
        {{ latest_before('starts', 'answered_at') }} as started_at,
        -- of two answers in one instant the right one counts: its type is the smaller
        -- text
        coalesce(first_right_at = answered_at, false) as correct

    from first_answers_kept

)

select
    assignments.user_id,
    starts_chosen.item_key,
    assignments.assignment_log_id as platform_session,
    starts_chosen.assignment_number as answer_number,
    starts_chosen.answered_at,
    starts_chosen.correct,
    {{ seconds_between('starts_chosen.started_at', 'starts_chosen.answered_at') }}
        as latency_sec,
    coalesce(starts_chosen.first_help_at < starts_chosen.answered_at, false)
        as help_before,
    -- null where the problem is not described
    problems.skill_keys

from starts_chosen

inner join assignments
    on starts_chosen.assignment_number = assignments.assignment_number

left join problems on starts_chosen.item_key = problems.item_key

where assignments.user_id is not null

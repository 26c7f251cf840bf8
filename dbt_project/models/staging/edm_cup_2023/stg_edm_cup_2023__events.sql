{{ config(materialized='view') }}
-- One row per action, as an event. Its assignment log is looked up only where sessions
-- are the platform's: kept with every action, it would be its table's largest column.
with

actions as (

    select * from {{ ref('stg_edm_cup_2023__actions') }}

),

platform_sessions as (

    select
        assignments.assignment_number,
        assignments.assignment_log_id as platform_session

    from {{ ref('stg_edm_cup_2023__assignments') }} as assignments

    inner join {{ ref('datasets') }} as datasets
        on datasets.dataset = 'edm_cup_2023'

    where datasets.session_method = 'platform'

)

select
    'edm_cup_2023' as dataset,
    actions.user_id,
    actions.item_key,
    actions.event_type,
    actions.event_at,
    platform_sessions.platform_session

from actions

left join platform_sessions
    on actions.assignment_number = platform_sessions.assignment_number

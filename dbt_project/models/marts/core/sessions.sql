-- One row per kept session with its reliability.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

reliability as (

    select * from {{ ref('int_session_reliability') }}

),

items as (

    select * from {{ ref('int_items') }}

)

select
    sessions.dataset,
    sessions.session_id,
    sessions.user_id,
    sessions.split,
    sessions.start_ts_epoch,
    sessions.end_ts_epoch,
    sessions.duration_sec,
    sessions.n_events,
    sessions.n_action_types,
    sessions.n_items,
    items.item_key as main_item_key,
    reliability.intensity,
    reliability.extent,
    reliability.composition,
    reliability.reliability,
    case
        when reliability.reliability < 0.33 then 'low'
        when reliability.reliability < 0.66 then 'medium'
        else 'high'
    end as reliability_tier

from sessions

inner join reliability
    on
        sessions.user_number = reliability.user_number
        and sessions.session_number = reliability.session_number

left join items on sessions.main_item_number = items.item_number

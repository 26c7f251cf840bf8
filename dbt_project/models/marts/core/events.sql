-- One row per kept event of every data set.
with

events as (

    select * from {{ ref('int_events_sessionized') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

items as (

    select * from {{ ref('int_items') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

)

select
    sessions.dataset,
    sessions.user_id,
    items.item_key,
    event_types.event_type,
    events.event_at,
    events.ts_epoch,
    sessions.session_id,
    events.pos_in_session

from events

-- inner: events of dropped sessions go with them
inner join sessions
    on
        events.user_number = sessions.user_number
        and events.session_number = sessions.session_number

inner join event_types on events.event_type_number = event_types.event_type_number

left join items on events.item_number = items.item_number

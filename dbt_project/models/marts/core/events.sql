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
        events.user_key = sessions.user_key
        and events.session_number = sessions.session_number

inner join event_types on events.event_type_key = event_types.event_type_key

left join items on events.item_rank = items.item_rank

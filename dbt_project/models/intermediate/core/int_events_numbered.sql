-- One row per event of a kept type, with integers for user, item and event type: what
-- follows sorts and joins on small numbers, in the byte-wise order of the texts.
with

events as (

    select * from {{ ref('int_events_unioned') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

),

users as (

    select * from {{ ref('int_users') }}

),

items as (

    select * from {{ ref('int_items') }}

)

select
    users.user_number,
    items.item_number,
    event_types.event_type_number,
    events.event_at,
    {{ stretch_of('events.event_at', 'events.platform_session', 'event_types') }},
    event_types.drops_exact_repeats

from events

inner join event_types
    on
        events.dataset = event_types.dataset
        and events.event_type = event_types.event_type

inner join users
    on
        events.dataset = users.dataset
        and events.user_id = users.user_id

-- an action without an item (an ad auction, an assignment's start) stays
left join items
    on
        events.dataset = items.dataset
        and events.item_key = items.item_key

where event_types.is_kept

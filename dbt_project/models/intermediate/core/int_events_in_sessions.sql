{{ config(materialized='view') }}
-- One row per kept event with the number of its session, in no order: who counts needs
-- none, and to sort all events costs as much as all that is counted.
select
    events.user_number,
    stretches.session_number,
    events.item_number,
    events.event_type_number,
    events.event_at,
    events.ts_epoch

from {{ ref('int_events_distinct') }} as events

-- inner: users with too few events have no stretches
inner join {{ ref('int_session_stretches') }} as stretches
    on
        events.user_number = stretches.user_number
        and events.stretch = stretches.stretch
        and events.platform_session = stretches.platform_session

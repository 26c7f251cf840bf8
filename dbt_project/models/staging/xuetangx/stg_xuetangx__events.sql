-- One row per raw event, of every event type.
with

raw_events as (

    select * from {{ raw_rows('xuetangx', 'events') }}

)

select
    'xuetangx' as dataset,
    user_id,
    course_id as item_key,
    event_type,
    timestamp as event_at,
    session_hash as platform_session

from raw_events

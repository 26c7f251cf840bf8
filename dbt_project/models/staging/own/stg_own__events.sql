-- One row per event of every own log of recommendation.
with

raw_events as (

    select * from {{ own_rows('recommendation') }}

)

select
    dataset,
    user_id,
    item_key,
    event_type,
    event_at,
    platform_session

from raw_events

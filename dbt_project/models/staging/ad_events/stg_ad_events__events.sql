-- One row per raw event, of every event type.
with

raw_events as (

    select * from {{ raw_rows('ad_events', 'unified_events') }}

)

select
    'ad_events' as dataset,
    user_id,
    -- an auction is about no product, whatever the column holds
    case when event_type <> 'auction' then product_id end as item_key,
    event_type,
    event_timestamp as event_at

from raw_events

-- One row per session, item and event type: sessions and vocabulary are counted from
-- these few rows, not from every event.
select
    user_key,
    session_number,
    item_rank,
    event_type_key,
    count(*) as n_events,
    min(ts_epoch) as start_ts_epoch,
    max(ts_epoch) as end_ts_epoch

from {{ ref('int_events_sessionized') }}

group by user_key, session_number, item_rank, event_type_key

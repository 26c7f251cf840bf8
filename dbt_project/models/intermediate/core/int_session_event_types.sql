-- One row per session and event type: a session's counts and times come from these few
-- rows. By item and type together they would be as many as events where an item is
-- met once by each type.
select
    user_number,
    session_number,
    event_type_number,
    count(*) as n_events,
    min(ts_epoch) as start_ts_epoch,
    max(ts_epoch) as end_ts_epoch

from {{ ref('int_events_in_sessions') }}

group by user_number, session_number, event_type_number

-- One row per kept event with the number of its session and its place there.
select
    user_number,
    session_number,
    cast(row_number() over session_timeline as integer) as pos_in_session,
    item_number,
    event_type_number,
    event_at,
    ts_epoch,
    coalesce(item_number <> lag(item_number) over session_timeline, true)
        as is_run_start

from {{ ref('int_events_in_sessions') }}

window session_timeline as (
    partition by user_number, session_number
    -- total order: ties cannot move
    order by ts_epoch, item_number nulls first, event_type_number, event_at
)

-- One row per kept event with the number of its session and its place there.
with

events as (

    select * from {{ ref('int_events_distinct') }}

),

stretches as (

    select * from {{ ref('int_session_stretches') }}

),

sessions_assigned as (

    select
        events.user_key,
        stretches.session_number,
        events.item_rank,
        events.event_type_key,
        events.event_at,
        events.ts_epoch

    from events

    -- inner: users with too few events have no stretches
    inner join stretches
        on
            events.user_key = stretches.user_key
            and events.stretch = stretches.stretch
            and events.platform_session = stretches.platform_session

)

select
    user_key,
    session_number,
    cast(row_number() over session_timeline as integer) as pos_in_session,
    item_rank,
    event_type_key,
    event_at,
    ts_epoch,
    coalesce(item_rank <> lag(item_rank) over session_timeline, true) as is_run_start

from sessions_assigned

window session_timeline as (
    partition by user_key, session_number
    -- total order: ties cannot move
    order by ts_epoch, item_rank nulls first, event_type_key, event_at
)

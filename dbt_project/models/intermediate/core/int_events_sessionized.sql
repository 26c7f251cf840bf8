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
        events.user_number,
        stretches.session_number,
        events.item_number,
        events.event_type_number,
        events.event_at,
        events.ts_epoch

    from events

    -- inner: users with too few events have no stretches
    inner join stretches
        on
            events.user_number = stretches.user_number
            and events.stretch = stretches.stretch
            and events.platform_session = stretches.platform_session

)

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

from sessions_assigned

window session_timeline as (
    partition by user_number, session_number
    -- total order: ties cannot move
    order by ts_epoch, item_number nulls first, event_type_number, event_at
)

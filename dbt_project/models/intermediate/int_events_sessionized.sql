-- One row per kept event with the number of its session and its place there.
with

events as (

    select events.*

    from {{ ref('int_events_distinct') }} as events

    inner join {{ ref('int_user_activity') }} as users
        on events.user_key = users.user_key

    where users.is_kept

),

session_starts_flagged as (

    select
        *,
        row_number() over user_timeline as user_position,
        -- a user's first event has no lag and always opens a session
        coalesce(
            ts_epoch - lag(ts_epoch) over user_timeline > session_gap_sec,
            true
        ) as is_session_start

    from events

    where session_method = 'gap'

    window user_timeline as (
        partition by user_key
        -- total order: ties cannot move
        order by ts_epoch, item_rank nulls first, event_type_key, event_at
    )

),

gap_sessions_numbered as (

    select
        *,
        sum(case when is_session_start then 1 else 0 end) over user_timeline
            as session_number,
        max(case when is_session_start then user_position end) over user_timeline
            as start_position

    from session_starts_flagged

    window user_timeline as (
        partition by user_key
        order by user_position
        rows between unbounded preceding and current row
    )

),

platform_sessions_numbered as (

    select
        *,
        dense_rank() over (
            partition by user_key
            order by platform_session
        ) as session_number,
        row_number() over (
            partition by user_key, platform_session
            order by ts_epoch, item_rank nulls first, event_type_key, event_at
        ) as pos_in_session

    from events

    where session_method = 'platform'

)

select
    user_key,
    cast(session_number as integer) as session_number,
    cast(user_position - start_position + 1 as integer) as pos_in_session,
    item_rank,
    event_type_key,
    event_at,
    ts_epoch,
    platform_session

from gap_sessions_numbered

union all

select
    user_key,
    cast(session_number as integer) as session_number,
    cast(pos_in_session as integer) as pos_in_session,
    item_rank,
    event_type_key,
    event_at,
    ts_epoch,
    platform_session

from platform_sessions_numbered

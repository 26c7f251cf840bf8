-- One row per stretch of a user's time that lies within one session.
--
-- A gap session cannot end inside a stretch as long as the gap limit: two events of
-- one stretch lie closer than that. So the ends of the stretches decide, a tenth of
-- the rows, and no event has to be sorted to find its session. A platform session is
-- a stretch of its own.
with

events as (

    select * from {{ ref('int_events_distinct') }}

),

users as (

    select * from {{ ref('int_user_activity') }}

),

stretches_measured as (

    select
        events.user_number,
        events.stretch,
        events.platform_session,
        users.session_gap_sec,
        min(events.ts_epoch) as start_ts_epoch,
        max(events.ts_epoch) as end_ts_epoch

    from events

    inner join users on events.user_number = users.user_number

    where users.is_kept

    group by
        events.user_number,
        events.stretch,
        events.platform_session,
        users.session_gap_sec

),

session_starts_flagged as (

    select
        *,
        case
            when platform_session <> '' then 1
            -- a user's first stretch has none before and always opens a session
            when coalesce(
                start_ts_epoch - lag(end_ts_epoch) over user_timeline
                > session_gap_sec,
                true
            ) then 1
            else 0
        end as is_session_start

    from stretches_measured

    window user_timeline as (
        partition by user_number
        order by stretch, platform_session
    )

)

select
    user_number,
    stretch,
    platform_session,
    cast(
        sum(is_session_start) over (
            partition by user_number
            order by stretch, platform_session
            rows between unbounded preceding and current row
        ) as integer
    ) as session_number

from session_starts_flagged

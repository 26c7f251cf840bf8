-- One row per run of an item in a sequence: repeats collapse to their first event.
with

events as (

    select * from {{ ref('int_events_sessionized') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

runs_in_sequences as (

    select
        events.user_number,
        events.session_number,
        events.pos_in_session,
        events.item_number,
        events.ts_epoch,
        events.event_type_number,
        case
            when datasets.sequence_scope = 'session' then events.session_number
            else 0
        end as sequence_number

    from events

    inner join sessions
        on
            events.user_number = sessions.user_number
            and events.session_number = sessions.session_number

    inner join datasets on sessions.dataset = datasets.dataset

    -- repeats within a session go first, they are most events; those across an event
    -- without an item, or across two sessions of a sequence, go below. Where sessions
    -- of the platform overlap, what repeats in one need not repeat in the user's time
    where
        datasets.family = 'recommendation'
        and events.item_number is not null
        and (
            events.is_run_start
            or (
                datasets.sequence_scope = 'user'
                and datasets.session_method = 'platform'
            )
        )

),

run_starts_flagged as (

    select
        *,
        coalesce(item_number <> lag(item_number) over sequence_timeline, true)
            as is_start

    from runs_in_sequences

    window sequence_timeline as (
        partition by user_number, sequence_number
        order by
            ts_epoch, item_number, event_type_number, session_number, pos_in_session
    )

)

select
    user_number,
    sequence_number,
    session_number,
    item_number,
    ts_epoch,
    row_number() over (
        partition by user_number, sequence_number
        order by
            ts_epoch, item_number, event_type_number, session_number, pos_in_session
    ) - 1 as sequence_position

from run_starts_flagged

where is_start

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

events_in_sequences as (

    select
        events.*,
        case
            when datasets.sequence_scope = 'session' then events.session_number
            else 0
        end as sequence_number

    from events

    inner join sessions
        on
            events.user_key = sessions.user_key
            and events.session_number = sessions.session_number

    inner join datasets on sessions.dataset = datasets.dataset

    where
        datasets.family = 'recommendation'
        and events.item_rank is not null

),

run_starts_flagged as (

    select
        *,
        coalesce(item_rank <> lag(item_rank) over sequence_timeline, true)
            as is_run_start

    from events_in_sequences

    window sequence_timeline as (
        partition by user_key, sequence_number
        order by
            ts_epoch, item_rank, event_type_key, event_at,
            session_number, pos_in_session
    )

)

select
    user_key,
    sequence_number,
    session_number,
    item_rank,
    ts_epoch,
    row_number() over (
        partition by user_key, sequence_number
        order by ts_epoch, item_rank, event_type_key, session_number, pos_in_session
    ) - 1 as sequence_position

from run_starts_flagged

where is_run_start

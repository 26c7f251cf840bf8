{{ config(pre_hook='{{ refuse_long_sessions() }}') }}
-- One row per eligible impression: auctions and impressions of its session up to it.
with

events as (

    select * from {{ ref('int_causal_events') }}

),

first_actions as (

    select * from {{ ref('int_causal_first_actions') }}

),

events_without_action_before as (

    select
        events.user_number,
        events.session_number,
        events.pos_in_session,
        events.ts_epoch,
        events.event_id,
        events.item_id

    from events

    left join first_actions
        on
            events.user_number = first_actions.user_number
            and events.session_number = first_actions.session_number

    where
        events.event_id in (0, 1)
        and (
            first_actions.first_action_epoch is null
            -- in one second nothing is before anything
            or events.ts_epoch <= first_actions.first_action_epoch
        )

),

histories_listed as (

    select
        *,
        {{ window_list('event_id') }} over history as event_ids,
        {{ window_list('item_id') }} over history as item_ids,
        {{ window_list('ts_epoch') }} over history as epochs

    from events_without_action_before

    window history as (
        partition by user_number, session_number
        order by pos_in_session
        rows between {{ var('max_history_len') | int - 1 }} preceding and current row
    )

)

select
    user_number,
    session_number,
    pos_in_session,
    ts_epoch as index_epoch,
    item_id,
    event_ids,
    item_ids,
    {{ minutes_before('epochs', 'ts_epoch') }} as minutes_before,
    cast({{ list_length('event_ids') }} as integer) as history_length

from histories_listed

where event_id = 1

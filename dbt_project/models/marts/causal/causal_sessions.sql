-- One row per session of a causal data set: events before the first click or purchase,
-- whether a click came first, and whether a purchase followed. For description only.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

events as (

    select * from {{ ref('int_causal_events') }}

),

first_actions as (

    select * from {{ ref('int_causal_first_actions') }}

),

events_before_numbered as (

    select
        events.*,
        events.ts_epoch - sessions.start_ts_epoch as seconds_in,
        row_number() over (
            partition by events.user_number, events.session_number
            order by events.pos_in_session desc
        ) as place_from_end

    from events

    inner join sessions
        on
            events.user_number = sessions.user_number
            and events.session_number = sessions.session_number

    left join first_actions
        on
            events.user_number = first_actions.user_number
            and events.session_number = first_actions.session_number

    -- before means an earlier second
    where
        first_actions.first_action_epoch is null
        or events.ts_epoch < first_actions.first_action_epoch

),

histories_listed as (

    select
        user_number,
        session_number,
        {{ list_in_order('event_id', 'pos_in_session') }} as event_ids,
        {{ list_in_order('item_id', 'pos_in_session') }} as item_ids,
        {{ list_in_order('cast(seconds_in as double) / 60', 'pos_in_session') }}
            as minutes,
        count(*) as sequence_length

    from events_before_numbered

    where place_from_end <= {{ var('max_history_len') }}

    group by user_number, session_number

)

select
    sessions.dataset,
    sessions.session_id,
    sessions.user_id,
    sessions.split,
    coalesce(histories_listed.event_ids, {{ empty_list('integer') }}) as event_ids,
    coalesce(histories_listed.item_ids, {{ empty_list('integer') }}) as item_ids,
    coalesce(histories_listed.minutes, {{ empty_list('double') }}) as minutes,
    cast(coalesce(histories_listed.sequence_length, 0) as integer) as sequence_length,
    -- in one second the click counts first
    coalesce(
        first_actions.first_click_epoch <= first_actions.first_purchase_epoch,
        first_actions.first_click_epoch is not null
    ) as treatment,
    -- no purchase lies before the index: a purchase ends X, or a click came first
    first_actions.first_purchase_epoch is not null as outcome,
    first_actions.first_click_epoch

from sessions

inner join datasets on sessions.dataset = datasets.dataset

left join first_actions
    on
        sessions.user_number = first_actions.user_number
        and sessions.session_number = first_actions.session_number

left join histories_listed
    on
        sessions.user_number = histories_listed.user_number
        and sessions.session_number = histories_listed.session_number

where datasets.family = 'causal'

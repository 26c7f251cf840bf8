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

first_actions_found as (

    select
        *,
        min(case when event_id = 2 then ts_epoch end) over session_whole
            as first_click_epoch,
        min(case when event_id = 3 then ts_epoch end) over session_whole
            as first_purchase_epoch,
        min(ts_epoch) over session_whole as start_epoch

    from events

    window session_whole as (
        partition by user_key, session_number
    )

),

events_before_numbered as (

    select
        *,
        row_number() over (
            partition by user_key, session_number
            order by pos_in_session desc
        ) as place_from_end

    from first_actions_found

    -- before means an earlier second
    where
        ts_epoch < least(first_click_epoch, first_purchase_epoch)
        or (first_click_epoch is null and first_purchase_epoch is null)

),

histories_listed as (

    select
        user_key,
        session_number,
        {{ list_in_order('event_id', 'pos_in_session') }} as event_ids,
        {{ list_in_order('item_id', 'pos_in_session') }} as item_ids,
        {{ list_in_order(
            'cast(ts_epoch - start_epoch as double) / 60', 'pos_in_session'
        ) }} as minutes,
        count(*) as sequence_length

    from events_before_numbered

    where place_from_end <= {{ var('max_history_len') }}

    group by user_key, session_number

),

actions_found as (

    select
        user_key,
        session_number,
        min(first_click_epoch) as first_click_epoch,
        min(first_purchase_epoch) as first_purchase_epoch

    from first_actions_found

    group by user_key, session_number

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
        actions_found.first_click_epoch <= actions_found.first_purchase_epoch,
        actions_found.first_click_epoch is not null
    ) as treatment,
    -- no purchase lies before the index: a purchase ends X, or a click came first
    actions_found.first_purchase_epoch is not null as outcome,
    actions_found.first_click_epoch

from sessions

inner join datasets on sessions.dataset = datasets.dataset

left join actions_found
    on
        sessions.user_key = actions_found.user_key
        and sessions.session_number = actions_found.session_number

left join histories_listed
    on
        sessions.user_key = histories_listed.user_key
        and sessions.session_number = histories_listed.session_number

where datasets.family = 'causal'

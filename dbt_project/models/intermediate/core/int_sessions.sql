-- One row per kept session with its counts. The split is the user's or, by time, that
-- of the last event: what lies in a session of train is before the cut, all of it.
with

session_items as (

    select * from {{ ref('int_session_items') }}

),

session_event_types as (

    select * from {{ ref('int_session_event_types') }}

),

users as (

    select * from {{ ref('int_users') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

split_times as (

    select * from {{ ref('int_split_times') }}

),

main_items_chosen as (

    select
        user_number,
        session_number,
        count(*) as n_items,
        -- most events first; among equals the smallest rank, that is the smallest key
        max_by(item_number, n_events * 4294967296 - item_number) as main_item_number

    from session_items

    group by user_number, session_number

),

platform_sessions as (

    select distinct
        user_number,
        session_number,
        platform_session

    from {{ ref('int_session_stretches') }}

    where platform_session <> ''

),

sessions_counted as (

    select
        user_number,
        session_number,
        min(start_ts_epoch) as start_ts_epoch,
        max(end_ts_epoch) as end_ts_epoch,
        cast(sum(n_events) as bigint) as n_events,
        count(*) as n_action_types

    from session_event_types

    group by user_number, session_number

)

select
    users.dataset,
    users.user_id,
    case
        when split_times.dataset is null then users.split
        else {{ split_at('sessions_counted.end_ts_epoch', 'split_times') }}
    end as split,
    case
        when split_times.dataset is null then false
        else
            {{ split_at('sessions_counted.start_ts_epoch', 'split_times') }}
            <> {{ split_at('sessions_counted.end_ts_epoch', 'split_times') }}
    end as is_cut,
    sessions_counted.user_number,
    sessions_counted.session_number,
    users.user_id || '_' || case
        when datasets.session_method = 'platform'
            then platform_sessions.platform_session
        -- at least six digits, never cut
        when sessions_counted.session_number > 999999
            then cast(sessions_counted.session_number as string)
        else lpad(cast(sessions_counted.session_number as string), 6, '0')
    end as session_id,
    sessions_counted.start_ts_epoch,
    sessions_counted.end_ts_epoch,
    sessions_counted.end_ts_epoch - sessions_counted.start_ts_epoch as duration_sec,
    sessions_counted.n_events,
    sessions_counted.n_action_types,
    coalesce(main_items_chosen.n_items, 0) as n_items,
    main_items_chosen.main_item_number

from sessions_counted

inner join users on sessions_counted.user_number = users.user_number

inner join datasets on users.dataset = datasets.dataset

left join split_times on users.dataset = split_times.dataset

left join platform_sessions
    on
        sessions_counted.user_number = platform_sessions.user_number
        and sessions_counted.session_number = platform_sessions.session_number

left join main_items_chosen
    on
        sessions_counted.user_number = main_items_chosen.user_number
        and sessions_counted.session_number = main_items_chosen.session_number

where sessions_counted.n_events >= datasets.min_session_events

-- One row per item of the kept events, in numbers, with its dense id.
with

session_items as (

    select * from {{ ref('int_session_items') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

events_of_cut_sessions as (

    -- such a session ends after the cut: none is of train, though some events are
    select
        user_number,
        session_number,
        item_number,
        n_events

    from {{ ref('int_session_pieces') }}

    where split = 'train'

),

items_counted as (

    select
        sessions.dataset,
        session_items.item_number,
        sum(session_items.n_events) as n_events,
        sum(
            case
                when sessions.split = 'train' then session_items.n_events
                else coalesce(events_of_cut_sessions.n_events, 0)
            end
        ) as n_train_events

    from session_items

    inner join sessions
        on
            session_items.user_number = sessions.user_number
            and session_items.session_number = sessions.session_number

    left join events_of_cut_sessions
        on
            session_items.user_number = events_of_cut_sessions.user_number
            and session_items.session_number = events_of_cut_sessions.session_number
            and session_items.item_number = events_of_cut_sessions.item_number

    group by sessions.dataset, session_items.item_number

)

select
    dataset,
    item_number,
    -- numbers rise byte-wise with the keys
    cast(
        row_number() over (
            partition by dataset
            order by item_number
        ) - 1 as integer
    ) as item_id,
    cast(n_events as bigint) as n_events,
    cast(n_train_events as bigint) as n_train_events,
    n_train_events > 0 as in_train

from items_counted

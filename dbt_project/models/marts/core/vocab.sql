-- One row per item of the kept events of a data set, with its dense id.
with

session_items as (

    select * from {{ ref('int_session_items') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

items as (

    select * from {{ ref('int_items') }}

),

items_counted as (

    select
        session_items.item_number,
        sum(session_items.n_events) as n_events,
        sum(case when sessions.split = 'train' then session_items.n_events else 0 end)
            as n_train_events

    from session_items

    inner join sessions
        on
            session_items.user_number = sessions.user_number
            and session_items.session_number = sessions.session_number

    group by session_items.item_number

)

select
    items.dataset,
    cast(
        row_number() over (
            partition by items.dataset
            order by items.item_key
        ) - 1 as integer
    ) as item_id,
    items.item_key,
    cast(items_counted.n_events as bigint) as n_events,
    cast(items_counted.n_train_events as bigint) as n_train_events,
    items_counted.n_train_events > 0 as in_train

from items_counted

inner join items on items_counted.item_number = items.item_number

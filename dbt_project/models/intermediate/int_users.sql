-- One row per user with an event of a kept type, with the integer that stands for it.
with

events as (

    select * from {{ ref('int_events_distinct') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

users_counted as (

    select
        events.dataset,
        events.user_id,
        count(*) as n_events

    from events

    inner join event_types
        on
            events.dataset = event_types.dataset
            and events.event_type = event_types.event_type

    where event_types.is_kept

    group by events.dataset, events.user_id

)

select
    users_counted.dataset,
    users_counted.user_id,
    cast(
        row_number() over (
            order by users_counted.dataset, users_counted.user_id
        ) as integer
    ) as user_key,
    users_counted.n_events,
    users_counted.n_events >= datasets.min_user_events as is_kept,
    {{ split_of('users_counted.user_id') }} as split

from users_counted

inner join datasets on users_counted.dataset = datasets.dataset

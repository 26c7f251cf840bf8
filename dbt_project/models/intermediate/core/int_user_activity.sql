-- One row per user with a kept event: how many, and how they are sessionized.
with

events as (

    select * from {{ ref('int_events_distinct') }}

),

users as (

    select * from {{ ref('int_users') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

events_counted as (

    select
        user_number,
        count(*) as n_events

    from events

    group by user_number

)

select
    users.dataset,
    events_counted.user_number,
    events_counted.n_events,
    events_counted.n_events >= datasets.min_user_events as is_kept,
    datasets.session_gap_sec

from events_counted

inner join users on events_counted.user_number = users.user_number

inner join datasets on users.dataset = datasets.dataset

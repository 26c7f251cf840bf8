-- One row per user, with an integer in the byte-wise order of the id, and the split.
with

events as (

    select * from {{ ref('int_events_unioned') }}

),

users_found as (

    select distinct
        dataset,
        user_id

    from events

    -- an action that belongs to nobody is counted as a raw row, and dropped
    where user_id is not null

),

datasets as (

    select * from {{ ref('datasets') }}

)

select
    users_found.dataset,
    users_found.user_id,
    cast(
        row_number() over (
            order by users_found.dataset, users_found.user_id
        ) as integer
    ) as user_number,
    {{ split_of('users_found.user_id', 'datasets') }} as split

from users_found

left join datasets on users_found.dataset = datasets.dataset

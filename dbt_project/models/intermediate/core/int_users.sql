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

)

select
    dataset,
    user_id,
    cast(row_number() over (order by dataset, user_id) as integer) as user_number,
    {{ split_of('user_id') }} as split

from users_found

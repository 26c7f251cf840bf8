-- Within a session places run 1, 2, 3, … and time never runs backwards. Above 20,000
-- users a sample of about that many is looked at: to sort every event again would
-- cost as much as to sessionize them.
with

events as (

    select
        user_number,
        session_number,
        pos_in_session,
        ts_epoch

    from {{ ref('int_events_sessionized') }}

    where user_number % (
        select greatest(floor(count(*) / 20000), 1) from {{ ref('int_users') }}
    ) = 0

),

neighbours as (

    select
        *,
        row_number() over session_places as expected_place,
        lag(ts_epoch) over session_places as ts_epoch_before

    from events

    window session_places as (
        partition by user_number, session_number
        order by pos_in_session
    )

)

select
    user_number,
    session_number
from neighbours
where
    pos_in_session <> expected_place
    or ts_epoch < ts_epoch_before

-- Within a session places run 1, 2, 3, … and time never runs backwards.
with

neighbours as (

    select
        user_key,
        session_number,
        pos_in_session,
        ts_epoch,
        row_number() over session_places as expected_place,
        lag(ts_epoch) over session_places as ts_epoch_before

    from {{ ref('int_events_sessionized') }}

    window session_places as (
        partition by user_key, session_number
        order by pos_in_session
    )

)

select
    user_key,
    session_number
from neighbours
where
    pos_in_session <> expected_place
    or ts_epoch < ts_epoch_before

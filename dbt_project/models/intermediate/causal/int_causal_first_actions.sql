-- One row per kept session of a causal data set with a click or a purchase: its first
-- ones.
with

actions as (

    select * from {{ ref('int_causal_events') }}

    where event_id in (2, 3)

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

firsts_found as (

    select
        user_number,
        session_number,
        min(case when event_id = 2 then ts_epoch end) as first_click_epoch,
        min(case when event_id = 3 then ts_epoch end) as first_purchase_epoch,
        min(ts_epoch) as first_action_epoch

    from actions

    group by user_number, session_number

),

sessions_kept as (

    select firsts_found.*

    from firsts_found

    -- inner: events of dropped sessions go with them
    inner join sessions
        on
            firsts_found.user_number = sessions.user_number
            and firsts_found.session_number = sessions.session_number

)

select
    *,
    min(first_purchase_epoch) over (partition by user_number)
        as first_purchase_of_user_epoch

from sessions_kept

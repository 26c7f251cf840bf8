-- One row per session of a causal data set with a click or a purchase: its first ones.
with

actions as (

    select * from {{ ref('int_causal_events') }}

    where event_id in (2, 3)

),

firsts_found as (

    select
        user_key,
        session_number,
        min(case when event_id = 2 then ts_epoch end) as first_click_epoch,
        min(case when event_id = 3 then ts_epoch end) as first_purchase_epoch,
        min(ts_epoch) as first_action_epoch

    from actions

    group by user_key, session_number

)

select
    *,
    min(first_purchase_epoch) over (partition by user_key)
        as first_purchase_of_user_epoch

from firsts_found

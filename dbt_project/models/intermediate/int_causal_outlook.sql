-- One row per auction or impression of a session without an earlier click or purchase,
-- with what follows it.
--
-- Before means an earlier second: a click or purchase in the event's own second has not
-- happened yet, and of a click and a purchase in one second the click counts first.
with

events as (

    select
        *,
        case when event_id = 2 then ts_epoch end as click_epoch,
        case when event_id = 3 then ts_epoch end as purchase_epoch

    from {{ ref('int_causal_events') }}

),

timelines_looked_along as (

    select
        dataset,
        user_key,
        session_number,
        pos_in_session,
        ts_epoch,
        event_id,
        item_rank,
        item_id,
        min(least(click_epoch, purchase_epoch)) over session_whole
            as first_action_epoch,
        min(purchase_epoch) over user_whole as first_purchase_epoch,
        min(purchase_epoch) over user_from_now as purchase_from_now_epoch,
        min(purchase_epoch) over user_later as next_purchase_epoch,
        min(click_epoch) over product_from_now as next_click_epoch,
        min(purchase_epoch) over product_later as next_same_purchase_epoch

    from events

    window
        session_whole as (
            partition by user_key, session_number
        ),
        user_whole as (
            partition by user_key
        ),
        user_from_now as (
            partition by user_key
            order by ts_epoch
            range between current row and unbounded following
        ),
        user_later as (
            partition by user_key
            order by ts_epoch
            range between 1 following and unbounded following
        ),
        product_from_now as (
            partition by user_key, item_rank
            order by ts_epoch
            range between current row and unbounded following
        ),
        product_later as (
            partition by user_key, item_rank
            order by ts_epoch
            range between 1 following and unbounded following
        )

)

select *

from timelines_looked_along

where
    event_id in (0, 1)
    and (first_action_epoch is null or ts_epoch <= first_action_epoch)

-- One row per eligible impression of a user who ever clicks or buys: what follows it.
-- After all others nothing follows.
--
-- Before means an earlier second: a click or purchase in the impression's own second
-- has not happened yet; of a click and a purchase in one second the click counts first.
with

events as (

    select
        user_number,
        session_number,
        pos_in_session,
        ts_epoch,
        event_id,
        item_number,
        case when event_id = 2 then ts_epoch end as click_epoch,
        case when event_id = 3 then ts_epoch end as purchase_epoch

    from {{ ref('int_causal_events') }}

    where event_id in (1, 2, 3)

),

first_actions as (

    select * from {{ ref('int_causal_first_actions') }}

),

acting_users as (

    select distinct user_number from first_actions

),

timelines as (

    select events.*

    from events

    inner join acting_users on events.user_number = acting_users.user_number

    left join first_actions
        on
            events.user_number = first_actions.user_number
            and events.session_number = first_actions.session_number

    where
        case
            when events.event_id = 1
                then
                    first_actions.first_action_epoch is null
                    or events.ts_epoch <= first_actions.first_action_epoch
            -- a click or purchase without a first one is of a dropped session
            else first_actions.first_action_epoch is not null
        end

),

timelines_looked_along as (

    select
        user_number,
        session_number,
        pos_in_session,
        event_id,
        min(purchase_epoch) over user_from_now as purchase_from_now_epoch,
        min(purchase_epoch) over user_later as next_purchase_epoch,
        -- a missing product is not the same product as another missing one
        case
            when item_number is not null then min(click_epoch) over product_from_now
        end as next_click_epoch,
        case
            when item_number is not null then min(purchase_epoch) over product_later
        end as next_same_purchase_epoch

    from timelines

    window
        user_from_now as (
            partition by user_number
            order by ts_epoch
            range between current row and unbounded following
        ),
        user_later as (
            partition by user_number
            order by ts_epoch
            range between 1 following and unbounded following
        ),
        product_from_now as (
            partition by user_number, item_number
            order by ts_epoch
            range between current row and unbounded following
        ),
        product_later as (
            partition by user_number, item_number
            order by ts_epoch
            range between 1 following and unbounded following
        )

)

select
    user_number,
    session_number,
    pos_in_session,
    purchase_from_now_epoch,
    next_purchase_epoch,
    next_click_epoch,
    next_same_purchase_epoch

from timelines_looked_along

where event_id = 1

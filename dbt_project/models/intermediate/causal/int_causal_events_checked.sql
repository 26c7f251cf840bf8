{{ config(materialized='view') }}
-- One row per event of a causal data set, with what is odd about it.
with

events as (

    select * from {{ ref('int_causal_events') }}

),

firsts_found as (

    select
        *,
        min(case when event_id = 0 then ts_epoch end) over (
            partition by user_number
        ) as first_auction_epoch,
        min(case when event_id = 1 then ts_epoch end) over (
            partition by user_number, item_number
        ) as first_shown_epoch

    from events

)

select
    dataset,
    user_number as user_id,
    event_id,
    event_id > 0 and item_number is null as has_no_product,
    coalesce(ts_epoch < first_auction_epoch, true) as is_before_auctions,
    event_id = 2
    and item_number is not null
    and coalesce(ts_epoch < first_shown_epoch, true) as is_click_unseen

from firsts_found

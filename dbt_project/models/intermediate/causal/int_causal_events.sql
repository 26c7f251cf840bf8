{{ config(post_hook="{{ refuse_strange_family(
    'causal', ref('int_event_types'), this, 'no auction, impression, click or purchase'
) }}") }}
-- One row per kept event of a causal data set, with the ids that causal models read.
with

events as (

    select * from {{ ref('int_events_sessionized') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

),

products as (

    select * from {{ ref('int_causal_vocab') }}

),

event_ids as (

    select
        dataset,
        event_type_number,
        case event_type
            when 'auction' then 0
            when 'impression' then 1
            when 'click' then 2
            when 'purchase' then 3
        end as event_id

    from event_types

    where
        family = 'causal'
        and is_kept
        -- what else is kept counts for sessions; no causal model reads it
        and event_type in ('auction', 'impression', 'click', 'purchase')

)

select
    event_ids.dataset,
    events.user_number,
    events.session_number,
    events.pos_in_session,
    events.ts_epoch,
    event_ids.event_id,
    events.item_number,
    -- 1 is [AUCTION], 2 is [UNK]
    case
        when event_ids.event_id = 0 then 1
        else coalesce(products.item_id, 2)
    end as item_id

from events

inner join event_ids on events.event_type_number = event_ids.event_type_number

left join products on events.item_number = products.item_number

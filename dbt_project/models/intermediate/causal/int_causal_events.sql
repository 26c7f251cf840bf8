-- One row per kept event of a causal data set, with the ids that causal models read.
with

events as (

    select * from {{ ref('int_events_sessionized') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

product_ids as (

    select
        items.item_number,
        causal_vocab.item_id

    from {{ ref('int_items') }} as items

    inner join {{ ref('causal_vocab') }} as causal_vocab
        on
            items.dataset = causal_vocab.dataset
            and items.item_key = causal_vocab.token
            and causal_vocab.is_product

),

event_ids as (

    select
        event_types.dataset,
        event_types.event_type_number,
        case event_types.event_type
            when 'auction' then 0
            when 'impression' then 1
            when 'click' then 2
            when 'purchase' then 3
        end as event_id

    from event_types

    inner join datasets on event_types.dataset = datasets.dataset

    where datasets.family = 'causal' and event_types.is_kept

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
        else coalesce(product_ids.item_id, 2)
    end as item_id

from events

inner join event_ids on events.event_type_number = event_ids.event_type_number

left join product_ids on events.item_number = product_ids.item_number

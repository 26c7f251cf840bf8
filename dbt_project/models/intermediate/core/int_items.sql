-- One row per item, with an integer in the byte-wise order of its key.
with

events as (

    select * from {{ ref('int_events_unioned') }}

),

items_found as (

    select distinct
        dataset,
        item_key

    from events

    where item_key is not null

)

select
    dataset,
    item_key,
    cast(row_number() over (order by dataset, item_key) as integer) as item_number

from items_found

-- One row per item of the kept events of a data set, with its dense id.
with

vocab as (

    select * from {{ ref('int_vocab') }}

),

items as (

    select * from {{ ref('int_items') }}

)

select
    vocab.dataset,
    vocab.item_id,
    items.item_key,
    vocab.n_events,
    vocab.n_train_events,
    vocab.in_train

from vocab

inner join items on vocab.item_number = items.item_number

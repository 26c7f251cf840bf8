-- One row per product of a causal data set that a train user met, with its id: 0 to 2
-- are special tokens. All other products have no id of their own: they are [UNK].
with

vocab as (

    select * from {{ ref('int_vocab') }}

),

datasets as (

    select * from {{ ref('datasets') }}

)

select
    vocab.dataset,
    vocab.item_number,
    cast(
        row_number() over (
            partition by vocab.dataset
            order by vocab.item_number
        ) + 2 as integer
    ) as item_id

from vocab

inner join datasets on vocab.dataset = datasets.dataset

where datasets.family = 'causal' and vocab.in_train

-- One row per id of a causal model's vocabulary: special tokens, then products.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

products as (

    select * from {{ ref('int_causal_vocab') }}

),

items as (

    select * from {{ ref('int_items') }}

),

causal_datasets as (

    select distinct sessions.dataset

    from sessions

    inner join datasets on sessions.dataset = datasets.dataset

    where datasets.family = 'causal'

),

special_tokens as (

    {% for token in ['[PAD]', '[AUCTION]', '[UNK]'] %}
    select
        {{ loop.index0 }} as item_id,
        '{{ token }}' as token
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

)

select
    causal_datasets.dataset,
    special_tokens.item_id,
    special_tokens.token,
    false as is_product

from causal_datasets

cross join special_tokens

union all

select
    products.dataset,
    products.item_id,
    items.item_key as token,
    true as is_product

from products

inner join items on products.item_number = items.item_number

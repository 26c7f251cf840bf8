-- One row per id of a causal model's vocabulary: special tokens, then products.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

vocab as (

    select * from {{ ref('vocab') }}

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
    vocab.dataset,
    cast(
        row_number() over (
            partition by vocab.dataset
            order by vocab.item_key
        ) + 2 as integer
    ) as item_id,
    vocab.item_key as token,
    true as is_product

from vocab

inner join causal_datasets on vocab.dataset = causal_datasets.dataset

-- products that no train user met have no id of their own: they are [UNK]
where vocab.in_train

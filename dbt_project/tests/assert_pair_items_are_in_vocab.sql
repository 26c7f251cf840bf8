-- Every label and every prefix item is an item of the vocabulary.
with

pair_items as (

    select distinct
        dataset,
        label as item_id
    from {{ ref('pairs') }}

    union

    select distinct
        dataset,
        {{ list_rows('prefix') }} as item_id
    from {{ ref('pairs') }}

)

select
    pair_items.dataset,
    pair_items.item_id
from pair_items
left join {{ ref('vocab') }} as vocab
    on
        pair_items.dataset = vocab.dataset
        and pair_items.item_id = vocab.item_id
where vocab.item_id is null

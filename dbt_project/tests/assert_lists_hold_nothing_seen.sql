-- Where nothing was to be repeated, no list holds what its user has met. A user who did
-- something after the list was made may have met it since.
with

lists as (

    select * from {{ rec_run_rows() }}

)

select
    lists.dataset,
    lists.user_id,
    lists.item_key
from lists
inner join {{ ref('vocab') }} as vocab
    on lists.dataset = vocab.dataset and lists.item_key = vocab.item_key
inner join {{ ref('user_latest') }} as users
    on
        lists.dataset = users.dataset
        and lists.user_id = users.user_id
        and lists.as_of = users.as_of
-- only so does it run with the lists
inner join {{ ref('recommendations') }} as recommendations
    on
        lists.dataset = recommendations.dataset
        and lists.user_id = recommendations.user_id
        and lists.rank = recommendations.rank
where
    lists.repeats = 'none'
    and array_contains(users.items_seen, vocab.item_id)

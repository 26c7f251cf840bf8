-- Users and items of lists are those of the marts, where these have the data set.
select
    recommendations.dataset,
    recommendations.user_id,
    recommendations.item_key
from {{ ref('recommendations') }} as recommendations
left join {{ ref('vocab') }} as vocab
    on
        recommendations.dataset = vocab.dataset
        and recommendations.item_key = vocab.item_key
left join {{ ref('user_latest') }} as users
    on
        recommendations.dataset = users.dataset
        and recommendations.user_id = users.user_id
where
    (vocab.item_key is null or users.user_id is null)
    and recommendations.dataset in (
        select known.dataset from {{ ref('vocab') }} as known
    )

-- Items of responses are items of the vocabulary, sessions are the user's, and skills
-- come sorted and without repeats; of many responses some 500,000 are looked at.
select
    responses.dataset,
    responses.response_id
from {{ ref('responses') }} as responses
left join {{ ref('vocab') }} as vocab
    on
        responses.dataset = vocab.dataset
        and responses.item_id = vocab.item_id
        and responses.item_key = vocab.item_key
left join {{ ref('sessions') }} as sessions
    on
        responses.dataset = sessions.dataset
        and responses.user_id = sessions.user_id
        and responses.session_id = sessions.session_id
where
    responses.response_id % (
        select greatest(count(*) // 500000, 1) from {{ ref('responses') }} as counted
    ) = 0
    and (
        vocab.item_id is null
        or sessions.session_id is null
        or responses.ts_epoch < sessions.start_ts_epoch
        or responses.ts_epoch > sessions.end_ts_epoch
        or list_sort(list_distinct(responses.skill_keys)) <> responses.skill_keys
    )

-- Items of responses are items of the vocabulary, sessions are the user's, and skills
-- come sorted and without repeats.
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
    vocab.item_id is null
    or sessions.session_id is null
    or responses.ts_epoch not between sessions.start_ts_epoch and sessions.end_ts_epoch
    or list_sort(list_distinct(responses.skill_keys)) <> responses.skill_keys

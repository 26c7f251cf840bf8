-- Items of responses are items of the vocabulary, sessions are the user's, and skills
-- come sorted and without repeats; of many responses some 500,000 are looked at.
select
    answers.dataset,
    answers.response_id
from {{ ref('responses') }} as answers
left join {{ ref('vocab') }} as vocab
    on
        answers.dataset = vocab.dataset
        and answers.item_id = vocab.item_id
        and answers.item_key = vocab.item_key
left join {{ ref('sessions') }} as sessions
    on
        answers.dataset = sessions.dataset
        and answers.user_id = sessions.user_id
        and answers.session_id = sessions.session_id
where
    answers.response_id % (
        select greatest(floor(count(*) / 500000), 1) from {{ ref('responses') }}
    ) = 0
    and (
        vocab.item_id is null
        or sessions.session_id is null
        or answers.ts_epoch < sessions.start_ts_epoch
        or answers.ts_epoch > sessions.end_ts_epoch
        or array_sort(array_distinct(answers.skill_keys)) <> answers.skill_keys
    )

-- Items of responses are items of the vocabulary, sessions are the user's, and skills
-- come sorted and without repeats. Above 500,000 responses a sample of users with about
-- that many is looked at.
with

users_sampled as (

    select
        dataset,
        user_id
    from {{ ref('user_splits') }}
    where
        {{ hash_to_unit('user_id') }}
        <= (select 500000.0 / greatest(count(*), 1) from {{ ref('responses') }})

),

answers as (

    select responses.*
    from {{ ref('responses') }} as responses
    inner join users_sampled using (dataset, user_id)

)

select
    answers.dataset,
    answers.response_id
from answers
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
    vocab.item_id is null
    or sessions.session_id is null
    or answers.ts_epoch < sessions.start_ts_epoch
    or answers.ts_epoch > sessions.end_ts_epoch
    or array_sort(array_distinct(answers.skill_keys)) <> answers.skill_keys

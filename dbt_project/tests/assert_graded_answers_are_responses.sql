-- Every graded answer whose event lies in a kept session is a response of that session.
-- Above 500,000 responses a sample of users with about that many is looked at.
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

    select answers.*
    from {{ ref('int_answers_unioned') }} as answers
    inner join users_sampled using (dataset, user_id)
    inner join {{ ref('datasets') }} as datasets using (dataset)
    where datasets.family = 'tracing'

),

answers_in_kept_sessions as (

    -- two sessions of the platform may hold like events: the answer is in either
    select
        answers.dataset,
        answers.user_id,
        answers.item_key,
        answers.answered_at,
        answers.answer_number,
        max(case when responses.response_id is null then 0 else 1 end) as is_response
    from answers
    inner join {{ ref('events') }} as events
        on
            answers.dataset = events.dataset
            and answers.user_id = events.user_id
            and answers.item_key = events.item_key
            and answers.event_type = events.event_type
            and answers.answered_at = events.event_at
    left join {{ ref('responses') }} as responses
        on
            answers.dataset = responses.dataset
            and answers.user_id = responses.user_id
            and answers.item_key = responses.item_key
            and answers.answered_at = responses.answered_at
            and events.session_id = responses.session_id
    group by
        answers.dataset,
        answers.user_id,
        answers.item_key,
        answers.answered_at,
        answers.answer_number

)

select
    dataset,
    user_id,
    answer_number
from answers_in_kept_sessions
where is_response = 0

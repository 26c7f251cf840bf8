-- For 1,000 to 2,000 responses of each data set, all of a smaller one: their features,
-- computed anew from nothing but the same user's responses of earlier seconds. The row
-- itself and all later ones are not even there. Only the first 2,000 responses of a
-- user are looked at: ids rise with a user's time, and work would grow with the square.
with

users as (

    select
        dataset,
        user_id,
        min(response_id) as first_id
    from {{ ref('responses') }}
    group by dataset, user_id

),

responses as (

    select responses.*
    from {{ ref('responses') }} as responses
    inner join users using (dataset, user_id)
    where responses.response_id < users.first_id + 2000

),

steps as (

    -- not one step for all: a small data set beside a large one would have one row
    select
        dataset,
        greatest(floor(count(*) / 1000), 1) as step
    from responses
    group by dataset

),

asked as (

    select responses.*
    from responses
    inner join steps using (dataset)
    where responses.response_id % steps.step = 0

),

earlier as (

    select
        asked.dataset,
        asked.response_id,
        asked.item_id as asked_item_id,
        asked.skill_keys as asked_skill_keys,
        asked.ts_epoch as asked_ts_epoch,
        earlier.item_id,
        earlier.skill_keys,
        earlier.correct,
        earlier.ts_epoch,
        earlier.help_before,
        earlier.latency_sec
    from asked
    inner join responses as earlier
        on
            asked.dataset = earlier.dataset
            and asked.user_id = earlier.user_id
            and asked.ts_epoch > earlier.ts_epoch

),

of_user as (

    select
        dataset,
        response_id,
        count(*) as n,
        count(*) filter (where correct) as n_correct,
        count(*) filter (where item_id = asked_item_id) as n_item,
        count(*) filter (where item_id = asked_item_id and correct) as n_item_correct,
        min(asked_ts_epoch - ts_epoch) as seconds,
        count(*) filter (where help_before) / count(*) as help_rate,
        avg(latency_sec) as latency_sec
    from earlier
    group by dataset, response_id

),

asked_skills as (

    select
        dataset,
        response_id,
        {{ list_rows('skill_keys') }} as skill_key
    from asked

),

of_skill as (

    select
        asked_skills.dataset,
        asked_skills.response_id,
        count(earlier.response_id) as n,
        (count(*) filter (where earlier.correct) + 1)
        / (count(earlier.response_id) + 2) as rate
    from asked_skills
    left join earlier
        on
            asked_skills.dataset = earlier.dataset
            and asked_skills.response_id = earlier.response_id
            and array_contains(earlier.skill_keys, asked_skills.skill_key)
    group by asked_skills.dataset, asked_skills.response_id, asked_skills.skill_key

),

of_skills as (

    select
        dataset,
        response_id,
        avg(n) as n,
        avg(rate) as rate
    from of_skill
    group by dataset, response_id

)

select
    asked.dataset,
    asked.response_id
from asked
left join of_user using (dataset, response_id)
left join of_skills using (dataset, response_id)
left join {{ ref('response_features') }} as features using (dataset, response_id)
inner join {{ ref('datasets') }} as datasets using (dataset)
where
    features.prior_n is distinct from coalesce(of_user.n, 0)
    or features.item_prior_n is distinct from coalesce(of_user.n_item, 0)
    or features.seconds_since_previous is distinct from
    case when not datasets.time_is_order then of_user.seconds end
    or (of_user.help_rate is null) <> (features.prior_help_rate is null)
    or (of_user.latency_sec is null) <> (features.prior_latency_sec is null)
    or abs(features.prior_help_rate - of_user.help_rate) > 1e-9
    or abs(features.prior_latency_sec - of_user.latency_sec) > 1e-5
    or abs(
        features.prior_correct_rate
        - (coalesce(of_user.n_correct, 0) + 1) / (coalesce(of_user.n, 0) + 2)
    ) > 1e-9
    or abs(
        features.item_prior_correct_rate
        - (coalesce(of_user.n_item_correct, 0) + 1) / (coalesce(of_user.n_item, 0) + 2)
    ) > 1e-9
    or abs(features.skill_prior_n - coalesce(of_skills.n, 0)) > 1e-9
    or abs(features.skill_prior_correct_rate - coalesce(of_skills.rate, 0.5)) > 1e-9

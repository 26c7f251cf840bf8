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
        earlier.latency_sec,
        -- ids rise with a user's time: 1 is the latest
        row_number() over (
            partition by asked.dataset, asked.response_id
            order by earlier.response_id desc
        ) as back
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
        count(*) filter (where correct and back <= 5) as n_correct_5,
        count(*) filter (where correct and back <= 20) as n_correct_20,
        count(*) filter (where asked_ts_epoch - ts_epoch <= 3600) as n_hour,
        count(*) filter (where asked_ts_epoch - ts_epoch <= 2592000) as n_month,
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

on_skill as (

    select
        asked_skills.dataset,
        asked_skills.response_id,
        asked_skills.skill_key,
        earlier.correct,
        earlier.ts_epoch,
        earlier.asked_ts_epoch - earlier.ts_epoch as seconds,
        row_number() over (
            partition by
                asked_skills.dataset, asked_skills.response_id, asked_skills.skill_key
            order by earlier.back
        ) as back
    from asked_skills
    left join earlier
        on
            asked_skills.dataset = earlier.dataset
            and asked_skills.response_id = earlier.response_id
            and array_contains(earlier.skill_keys, asked_skills.skill_key)

),

of_skill as (

    select
        dataset,
        response_id,
        count(correct) as n,
        (count(*) filter (where correct) + 1) / (count(correct) + 2) as rate,
        (count(*) filter (where correct and back <= 3) + 1)
        / (least(count(correct), 3) + 2) as rate_3,
        (count(*) filter (where correct and back <= 10) + 1)
        / (least(count(correct), 10) + 2) as rate_10,
        count(*) filter (where seconds <= 86400) as n_day,
        count(*) filter (where correct and seconds <= 604800) as n_correct_week,
        max(ts_epoch) as met_ts_epoch
    from on_skill
    group by dataset, response_id, skill_key

),

of_skills as (

    select
        dataset,
        response_id,
        avg(n) as n,
        avg(rate) as rate,
        avg(rate_3) as rate_3,
        avg(rate_10) as rate_10,
        avg(n_day) as n_day,
        avg(n_correct_week) as n_correct_week,
        max(met_ts_epoch) as met_ts_epoch
    from of_skill
    group by dataset, response_id

),

since_met as (

    select
        earlier.dataset,
        earlier.response_id,
        count(*) filter (where earlier.ts_epoch > of_skills.met_ts_epoch) as n
    from earlier
    inner join of_skills using (dataset, response_id)
    where of_skills.met_ts_epoch is not null
    group by earlier.dataset, earlier.response_id

)

select
    asked.dataset,
    asked.response_id
from asked
left join of_user using (dataset, response_id)
left join of_skills using (dataset, response_id)
left join since_met using (dataset, response_id)
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
    or abs(
        features.last_5_correct_rate
        - (coalesce(of_user.n_correct_5, 0) + 1)
        / (least(coalesce(of_user.n, 0), 5) + 2)
    ) > 1e-9
    or abs(
        features.last_20_correct_rate
        - (coalesce(of_user.n_correct_20, 0) + 1)
        / (least(coalesce(of_user.n, 0), 20) + 2)
    ) > 1e-9
    or features.prior_hour_n is distinct from coalesce(of_user.n_hour, 0)
    or features.prior_month_n is distinct from coalesce(of_user.n_month, 0)
    or abs(features.skill_last_3_correct_rate - coalesce(of_skills.rate_3, 0.5)) > 1e-9
    or abs(features.skill_last_10_correct_rate - coalesce(of_skills.rate_10, 0.5))
    > 1e-9
    or abs(features.skill_prior_day_n - coalesce(of_skills.n_day, 0)) > 1e-9
    or abs(
        features.skill_prior_week_n_correct - coalesce(of_skills.n_correct_week, 0)
    ) > 1e-9
    or features.answers_since_skill is distinct from since_met.n
    or features.seconds_since_skill
    is distinct from case
        when not datasets.time_is_order then asked.ts_epoch - of_skills.met_ts_epoch
    end

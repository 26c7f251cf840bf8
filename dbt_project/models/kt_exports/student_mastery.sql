-- One row per user, skill and answer of a trained run: mastery after the answer, beside
-- the answer itself.
with

states as (

    select * from {{ run_rows('kt_run', 'sakt_student_state') }}

),

predictions as (

    select * from {{ run_rows('kt_run', 'sakt_predictions') }}

),

moments as (

    select
        dataset,
        user_id,
        skill_key,
        answered_at,
        -- answers of one instant have no order among them
        {{ exact_mean('mastery') }} as mastery

    from states

    group by dataset, user_id, skill_key, answered_at

),

answers as (

    select
        dataset,
        user_id,
        answered_at,
        min(split) as split,
        count(*) as n_answers,
        count(*) filter (where actual) as n_correct,
        {{ exact_mean('predicted') }} as predicted

    from predictions

    group by dataset, user_id, answered_at

)

select
    moments.dataset,
    moments.user_id,
    answers.split,
    moments.skill_key,
    moments.answered_at,
    moments.mastery,
    moments.mastery - lag(moments.mastery) over (
        partition by moments.dataset, moments.user_id, moments.skill_key
        order by moments.answered_at
    ) as mastery_change,
    answers.n_answers,
    answers.n_correct,
    answers.predicted

from moments

left join answers
    on
        moments.dataset = answers.dataset
        and moments.user_id = answers.user_id
        and moments.answered_at = answers.answered_at

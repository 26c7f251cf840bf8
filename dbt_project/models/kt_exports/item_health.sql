-- One row per item of a trained run: its parameters, its drift over time, and how well
-- SAKT's predictions for it met the answers.
with

parameters as (

    select * from {{ run_rows('kt_run', 'item_params') }}

),

drift as (

    select * from {{ run_rows('kt_run', 'item_drift') }}

),

predictions as (

    select * from {{ run_rows('kt_run', 'sakt_predictions') }}

),

last_periods_marked as (

    select
        *,
        period = max(period) over (partition by dataset, item_id) as is_last

    from drift

),

drift_summarised as (

    select
        dataset,
        item_id,
        count(*) as n_periods,
        -- engines do not agree on max_by() where the last period has no value
        max(case when is_last then drift end) as drift,
        max(case when is_last then drift_se end) as drift_se,
        min(p_value) as drift_p_value,
        max(cast(drift_flag as integer)) = 1 as is_drifting

    from last_periods_marked

    group by dataset, item_id

),

predictions_summarised as (

    select
        dataset,
        item_id,
        count(*) as n_predictions,
        count(*) filter (where actual) / cast(count(*) as double) as actual_rate,
        {{ exact_mean('predicted') }} as predicted_rate

    from predictions

    -- the model has seen the answers of train users
    where split <> 'train'

    group by dataset, item_id

)

select
    parameters.dataset,
    parameters.item_id,
    parameters.item_key,
    parameters.skill_keys,
    parameters.difficulty,
    parameters.difficulty_se,
    parameters.discrimination,
    parameters.discrimination_se,
    parameters.guessing,
    parameters.guessing_se,
    parameters.n_responses,
    coalesce(drift_summarised.n_periods, 0) as n_periods,
    drift_summarised.drift,
    drift_summarised.drift_se,
    drift_summarised.drift_p_value,
    coalesce(drift_summarised.is_drifting, false) as is_drifting,
    coalesce(predictions_summarised.n_predictions, 0) as n_predictions,
    predictions_summarised.actual_rate,
    predictions_summarised.predicted_rate

from parameters

left join drift_summarised
    on
        parameters.dataset = drift_summarised.dataset
        and parameters.item_id = drift_summarised.item_id

left join predictions_summarised
    on
        parameters.dataset = predictions_summarised.dataset
        and parameters.item_id = predictions_summarised.item_id

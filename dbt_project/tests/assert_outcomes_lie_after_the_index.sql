-- Outcome and treatment recomputed from the events of each trial's user: a purchase in
-- (index, index + horizon], a click in [index, index + window] not after a purchase.
-- Above 20,000 users a sample of about that many is looked at.
with

trials as (

    select
        trials.*,
        datasets.treatment_window_sec,
        datasets.outcome_horizon_sec,
        datasets.outcome_product,
        causal_vocab.token

    from {{ ref('causal_trials') }} as trials

    inner join {{ ref('datasets') }} as datasets on trials.dataset = datasets.dataset

    inner join {{ ref('causal_vocab') }} as causal_vocab
        on
            trials.dataset = causal_vocab.dataset
            and trials.item_id = causal_vocab.item_id

    where
        -- products without an id of their own cannot be found again
        causal_vocab.is_product
        and {{ hash_to_unit('trials.user_id') }} * (
            select greatest(count(*) / 20000.0, 1) from {{ ref('user_splits') }}
        ) < 1

),

seen_again as (

    select
        trials.dataset,
        trials.trial_id,
        trials.treatment,
        trials.outcome,
        coalesce(max(
            case when events.event_type = 'purchase' then 1 else 0 end
            * case when events.ts_epoch > trials.index_epoch then 1 else 0 end
            * case
                when
                    trials.outcome_product = 'any'
                    or events.item_key = trials.token then 1
                else 0
            end
            * case
                when
                    events.ts_epoch
                    <= trials.index_epoch + trials.outcome_horizon_sec then 1
                else 0
            end
        ), 0) = 1 as is_bought,
        coalesce(
            min(case
                when
                    events.event_type = 'click'
                    and events.item_key = trials.token then events.ts_epoch
            end) <= least(
                trials.index_epoch + trials.treatment_window_sec,
                min(case
                    when events.event_type = 'purchase' then events.ts_epoch
                end)
            ),
            false
        ) as is_clicked

    from trials

    left join {{ ref('events') }} as events
        on
            trials.dataset = events.dataset
            and trials.user_id = events.user_id
            and trials.index_epoch <= events.ts_epoch

    group by
        trials.dataset,
        trials.trial_id,
        trials.treatment,
        trials.outcome,
        trials.index_epoch,
        trials.treatment_window_sec

)

select
    dataset,
    trial_id
from seen_again
where is_bought <> outcome or is_clicked <> treatment

-- One row per eligible impression: shown before any click or purchase of its session.
with

histories as (

    select * from {{ ref('int_causal_histories') }}

),

trials as (

    select * from {{ ref('int_causal_trials') }}

),

sessions as (

    select
        *,
        {{ fold_of('user_id') }} as fold

    from {{ ref('int_sessions') }}

)

select
    trials.dataset,
    trials.trial_id,
    sessions.session_id,
    sessions.user_id,
    sessions.split,
    sessions.fold,
    histories.index_epoch,
    histories.item_id,
    histories.event_ids,
    histories.item_ids,
    histories.minutes_before,
    histories.history_length,
    trials.treatment,
    case trials.outcome_product
        when 'same' then trials.outcome_same
        else trials.outcome_any
    end as outcome,
    trials.censored,
    trials.outcome_same,
    trials.outcome_any and trials.is_other_first as outcome_other,
    trials.purchased_before

from histories

inner join trials
    on
        histories.user_number = trials.user_number
        and histories.session_number = trials.session_number
        and histories.pos_in_session = trials.pos_in_session

inner join sessions
    on
        histories.user_number = sessions.user_number
        and histories.session_number = sessions.session_number

-- One row per eligible impression: shown before any click or purchase of its session.
with

outlook as (

    select * from {{ ref('int_causal_outlook') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

log_ends as (

    select
        dataset,
        max(ts_epoch) as last_epoch

    from {{ ref('int_causal_events') }}

    group by dataset

),

histories_listed as (

    select
        *,
        {{ window_list('event_id') }} over history as event_ids,
        {{ window_list('item_id') }} over history as item_ids,
        {{ window_list('ts_epoch') }} over history as epochs,
        count(*) over history as history_length

    from outlook

    window history as (
        partition by user_key, session_number
        order by pos_in_session
        rows between {{ var('max_history_len') | int - 1 }} preceding and current row
    )

),

trials_decided as (

    select
        sessions.dataset,
        sessions.session_id,
        sessions.user_id,
        sessions.split,
        histories_listed.user_key,
        histories_listed.session_number,
        histories_listed.pos_in_session,
        histories_listed.ts_epoch as index_epoch,
        histories_listed.item_id,
        histories_listed.event_ids,
        histories_listed.item_ids,
        {{ minutes_before('histories_listed.epochs', 'histories_listed.ts_epoch') }}
            as minutes_before,
        histories_listed.history_length,
        datasets.outcome_product,
        coalesce(
            histories_listed.item_rank is not null
            and histories_listed.next_click_epoch
            <= histories_listed.ts_epoch + datasets.treatment_window_sec
            -- a click in the second of the purchase counts as before it
            and (
                histories_listed.purchase_from_now_epoch is null
                or histories_listed.next_click_epoch
                <= histories_listed.purchase_from_now_epoch
            ),
            false
        ) as treatment,
        coalesce(
            histories_listed.next_purchase_epoch
            <= histories_listed.ts_epoch + datasets.outcome_horizon_sec,
            false
        ) as outcome_any,
        coalesce(
            histories_listed.item_rank is not null
            and histories_listed.next_same_purchase_epoch
            <= histories_listed.ts_epoch + datasets.outcome_horizon_sec,
            false
        ) as outcome_same,
        coalesce(
            histories_listed.next_purchase_epoch
            <= histories_listed.ts_epoch + datasets.outcome_horizon_sec
            and (
                histories_listed.item_rank is null
                or histories_listed.next_same_purchase_epoch is null
                or histories_listed.next_purchase_epoch
                < histories_listed.next_same_purchase_epoch
            ),
            false
        ) as outcome_other,
        coalesce(
            histories_listed.first_purchase_epoch < sessions.start_ts_epoch, false
        ) as purchased_before,
        log_ends.last_epoch
        < histories_listed.ts_epoch + datasets.outcome_horizon_sec as censored

    from histories_listed

    -- inner: trials of dropped sessions go with them
    inner join sessions
        on
            histories_listed.user_key = sessions.user_key
            and histories_listed.session_number = sessions.session_number

    inner join datasets on sessions.dataset = datasets.dataset

    inner join log_ends on sessions.dataset = log_ends.dataset

    where histories_listed.event_id = 1

)

select
    dataset,
    row_number() over (
        partition by dataset
        order by user_key, session_number, pos_in_session
    ) - 1 as trial_id,
    session_id,
    user_id,
    split,
    {{ fold_of('user_id') }} as fold,
    index_epoch,
    item_id,
    event_ids,
    item_ids,
    minutes_before,
    cast(history_length as integer) as history_length,
    treatment,
    case outcome_product
        when 'same' then outcome_same
        else outcome_any
    end as outcome,
    censored,
    outcome_same,
    outcome_other,
    purchased_before

from trials_decided

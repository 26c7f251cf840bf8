-- One row per eligible impression with its number, treatment and outcomes. Without ids
-- as text and the lists of its history: they would be sorted and joined along.
with

histories as (

    select * from {{ ref('int_causal_histories') }}

),

outlook as (

    select * from {{ ref('int_causal_outlook') }}

),

first_actions as (

    select distinct
        user_number,
        first_purchase_of_user_epoch

    from {{ ref('int_causal_first_actions') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

rules as (

    select
        datasets.dataset,
        datasets.treatment_window_sec,
        datasets.outcome_horizon_sec,
        datasets.outcome_product,
        max(events.ts_epoch) as last_epoch

    from {{ ref('datasets') }} as datasets

    inner join {{ ref('int_causal_events') }} as events
        on datasets.dataset = events.dataset

    group by
        datasets.dataset,
        datasets.treatment_window_sec,
        datasets.outcome_horizon_sec,
        datasets.outcome_product

),

trials_decided as (

    select
        sessions.dataset,
        histories.user_number,
        histories.session_number,
        histories.pos_in_session,
        histories.index_epoch,
        rules.outcome_product,
        coalesce(
            outlook.next_click_epoch
            <= histories.index_epoch + rules.treatment_window_sec
            -- a click in the second of the purchase counts as before it
            and (
                outlook.purchase_from_now_epoch is null
                or outlook.next_click_epoch <= outlook.purchase_from_now_epoch
            ),
            false
        ) as treatment,
        coalesce(
            outlook.next_purchase_epoch
            <= histories.index_epoch + rules.outcome_horizon_sec,
            false
        ) as outcome_any,
        coalesce(
            outlook.next_same_purchase_epoch
            <= histories.index_epoch + rules.outcome_horizon_sec,
            false
        ) as outcome_same,
        outlook.next_same_purchase_epoch is null
        or outlook.next_purchase_epoch < outlook.next_same_purchase_epoch
            as is_other_first,
        coalesce(
            first_actions.first_purchase_of_user_epoch < sessions.start_ts_epoch,
            false
        ) as purchased_before,
        rules.last_epoch < histories.index_epoch + rules.outcome_horizon_sec
            as censored

    from histories

    -- inner: trials of dropped sessions go with them
    inner join sessions
        on
            histories.user_number = sessions.user_number
            and histories.session_number = sessions.session_number

    inner join rules on sessions.dataset = rules.dataset

    left join outlook
        on
            histories.user_number = outlook.user_number
            and histories.session_number = outlook.session_number
            and histories.pos_in_session = outlook.pos_in_session

    left join first_actions on histories.user_number = first_actions.user_number

)

select
    *,
    cast(
        row_number() over (
            partition by dataset
            order by user_number, session_number, pos_in_session
        ) - 1 as bigint
    ) as trial_id

from trials_decided

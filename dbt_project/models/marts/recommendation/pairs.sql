-- One row per admissible prefix → next item of a sequence.
with

runs as (

    select * from {{ ref('int_sequence_runs') }}

),

vocab as (

    select * from {{ ref('int_vocab') }}

),

sessions as (

    select
        sessions.dataset,
        sessions.user_number,
        sessions.session_number,
        sessions.user_id,
        sessions.session_id,
        sessions.split,
        reliability.reliability

    from {{ ref('int_sessions') }} as sessions

    inner join {{ ref('int_session_reliability') }} as reliability
        on
            sessions.user_number = reliability.user_number
            and sessions.session_number = reliability.session_number

),

datasets as (

    select * from {{ ref('datasets') }}

),

split_times as (

    select * from {{ ref('int_split_times') }}

),

prefixes_listed as (

    select
        runs.user_number,
        runs.sequence_number,
        runs.session_number,
        runs.sequence_position,
        vocab.item_id,
        runs.ts_epoch as label_ts_epoch,
        -- times only grow along a sequence: the item before has the prefix's largest
        lag(runs.ts_epoch) over (
            partition by runs.user_number, runs.sequence_number
            order by runs.sequence_position
        ) as prefix_max_ts_epoch,
        {{ window_list('vocab.item_id') }} over (
            partition by runs.user_number, runs.sequence_number
            order by runs.sequence_position
            rows between {{ var('max_prefix_len') }} preceding and 1 preceding
        ) as items_before

    from runs

    inner join vocab on runs.item_number = vocab.item_number

),

admissible_labels_kept as (

    select *

    from prefixes_listed

    -- a label as old as its prefix is skipped, yet stays in later prefixes;
    -- the first item of a sequence has no prefix and no such time
    where prefix_max_ts_epoch < label_ts_epoch

)

select
    sessions.dataset,
    cast(
        row_number() over (
            partition by sessions.dataset
            order by
                sessions.user_id,
                case
                    when datasets.sequence_scope = 'session' then sessions.session_id
                    else sessions.user_id
                end,
                admissible_labels_kept.sequence_position
        ) - 1 as bigint
    ) as pair_id,
    sessions.user_id,
    case
        when split_times.dataset is null then sessions.split
        else {{ split_at('admissible_labels_kept.label_ts_epoch', 'split_times') }}
    end as split,
    case
        when datasets.sequence_scope = 'session' then sessions.session_id
        else sessions.user_id
    end as sequence_id,
    admissible_labels_kept.items_before as prefix,
    admissible_labels_kept.item_id as label,
    admissible_labels_kept.label_ts_epoch,
    admissible_labels_kept.prefix_max_ts_epoch,
    cast(admissible_labels_kept.sequence_position as integer) as prefix_len,
    sessions.reliability as session_reliability

from admissible_labels_kept

inner join sessions
    on
        admissible_labels_kept.user_number = sessions.user_number
        and admissible_labels_kept.session_number = sessions.session_number

inner join datasets on sessions.dataset = datasets.dataset

left join split_times on sessions.dataset = split_times.dataset

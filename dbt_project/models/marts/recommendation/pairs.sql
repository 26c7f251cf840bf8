-- One row per admissible prefix → next item of a sequence.
with

runs as (

    select * from {{ ref('int_sequence_runs') }}

),

items as (

    select
        items.item_number,
        vocab.item_id

    from {{ ref('int_items') }} as items

    inner join {{ ref('vocab') }} as vocab
        on
            items.dataset = vocab.dataset
            and items.item_key = vocab.item_key

),

sessions as (

    select
        int_sessions.dataset,
        int_sessions.user_number,
        int_sessions.session_number,
        int_sessions.user_id,
        int_sessions.session_id,
        int_sessions.split,
        sessions.reliability

    from {{ ref('int_sessions') }} as int_sessions

    inner join {{ ref('sessions') }} as sessions
        on
            int_sessions.dataset = sessions.dataset
            and int_sessions.user_id = sessions.user_id
            and int_sessions.session_id = sessions.session_id

),

datasets as (

    select * from {{ ref('datasets') }}

),

prefixes_listed as (

    select
        runs.user_number,
        runs.sequence_number,
        runs.session_number,
        runs.sequence_position,
        items.item_id,
        runs.ts_epoch as label_ts_epoch,
        -- times only grow along a sequence: the item before has the prefix's largest
        lag(runs.ts_epoch) over (
            partition by runs.user_number, runs.sequence_number
            order by runs.sequence_position
        ) as prefix_max_ts_epoch,
        {{ window_list('items.item_id') }} over (
            partition by runs.user_number, runs.sequence_number
            order by runs.sequence_position
            rows between {{ var('max_prefix_len') }} preceding and 1 preceding
        ) as items_before

    from runs

    inner join items on runs.item_number = items.item_number

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
    sessions.split,
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

-- One row per user of a recommendation data set: what was done last, and all items met.
with

runs as (

    select * from {{ ref('int_sequence_runs') }}

),

sessions as (

    select
        sessions.*,
        datasets.sequence_scope

    from {{ ref('int_sessions') }} as sessions

    inner join {{ ref('datasets') }} as datasets on sessions.dataset = datasets.dataset

    where datasets.family = 'recommendation'

),

vocab as (

    select * from {{ ref('int_vocab') }}

),

last_sessions as (

    select
        *,
        -- several of the platform may end in one second
        end_ts_epoch = max(end_ts_epoch) over (partition by user_number) as is_last

    from sessions

),

users_dated as (

    select
        last_sessions.dataset,
        last_sessions.user_id,
        last_sessions.user_number,
        max(events.event_at) as as_of

    from {{ ref('int_events_sessionized') }} as events

    inner join last_sessions
        on
            events.user_number = last_sessions.user_number
            and events.session_number = last_sessions.session_number
            and last_sessions.is_last

    group by
        last_sessions.dataset,
        last_sessions.user_id,
        last_sessions.user_number

),

items_met as (

    select
        sessions.user_number,
        {{ sorted_set('vocab.item_id') }} as items_seen

    from {{ ref('int_session_items') }} as session_items

    inner join sessions
        on
            session_items.user_number = sessions.user_number
            and session_items.session_number = sessions.session_number

    inner join vocab on session_items.item_number = vocab.item_number

    group by sessions.user_number

),

runs_dated as (

    select
        runs.user_number,
        runs.sequence_number,
        runs.sequence_position,
        runs.item_number,
        case
            when sessions.sequence_scope = 'session' then sessions.session_id
            else sessions.user_id
        end as sequence_id,
        -- sessions of the platform may overlap: the last one is that which ended last
        max(sessions.end_ts_epoch) over sequences as end_ts_epoch,
        max(runs.sequence_position) over sequences as last_position

    from runs

    inner join sessions
        on
            runs.user_number = sessions.user_number
            and runs.session_number = sessions.session_number

    window sequences as (partition by runs.user_number, runs.sequence_number)

),

sequences_ranked as (

    select
        *,
        dense_rank() over (
            partition by user_number
            order by end_ts_epoch desc, sequence_number desc
        ) as sequences_back

    from runs_dated

    where sequence_position > last_position - {{ var('max_prefix_len') }}

),

last_sequences as (

    select
        sequences_ranked.user_number,
        min(sequences_ranked.sequence_id) as sequence_id,
        {{ list_in_order('vocab.item_id', 'sequences_ranked.sequence_position') }}
            as prefix,
        cast(max(sequences_ranked.last_position) + 1 as integer) as prefix_len

    from sequences_ranked

    inner join vocab on sequences_ranked.item_number = vocab.item_number

    where sequences_ranked.sequences_back = 1

    group by sequences_ranked.user_number

)

select
    users_dated.dataset,
    users_dated.user_id,
    last_sequences.sequence_id,
    coalesce(last_sequences.prefix, {{ empty_list('integer') }}) as prefix,
    coalesce(last_sequences.prefix_len, 0) as prefix_len,
    coalesce(items_met.items_seen, {{ empty_list('integer') }}) as items_seen,
    users_dated.as_of

from users_dated

left join last_sequences on users_dated.user_number = last_sequences.user_number

left join items_met on users_dated.user_number = items_met.user_number

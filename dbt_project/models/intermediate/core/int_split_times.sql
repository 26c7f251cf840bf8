-- One row per data set that is split by time: the seconds at which train and val end.
--
-- They are percentiles of all kept events' times, linear between two of them, rounded
-- down. Events of one second are counted together, so that no event has to be sorted.
with

datasets as (

    select
        *,
        coalesce(split_train_until, {{ var('split_train_until') }}) as train_share,
        coalesce(split_val_until, {{ var('split_val_until') }}) as val_share

    from {{ ref('datasets') }}

    where
        family = 'recommendation'
        and {{ split_method() }} = 'time'

),

sessions_kept as (

    select
        datasets.dataset,
        session_event_types.user_number,
        session_event_types.session_number

    from {{ ref('int_session_event_types') }} as session_event_types

    inner join {{ ref('int_users') }} as users
        on session_event_types.user_number = users.user_number

    inner join datasets on users.dataset = datasets.dataset

    group by
        datasets.dataset,
        datasets.min_session_events,
        session_event_types.user_number,
        session_event_types.session_number

    having sum(session_event_types.n_events) >= datasets.min_session_events

),

seconds_counted as (

    select
        sessions_kept.dataset,
        events.ts_epoch,
        count(*) as n_events

    from {{ ref('int_events_in_sessions') }} as events

    inner join sessions_kept
        on
            events.user_number = sessions_kept.user_number
            and events.session_number = sessions_kept.session_number

    group by sessions_kept.dataset, events.ts_epoch

),

seconds_placed as (

    select
        *,
        -- 0-based place of the second's last event among all in order
        sum(n_events) over (
            partition by dataset
            order by ts_epoch
            rows between unbounded preceding and current row
        ) - 1 as last_place,
        sum(n_events) over (partition by dataset) - 1 as n_gaps

    from seconds_counted

),

neighbours_found as (

    select
        seconds_placed.dataset,
        max(seconds_placed.n_gaps * datasets.train_share) as train_place,
        max(seconds_placed.n_gaps * datasets.val_share) as val_place,
    {% for cut in ['train', 'val'] %}
    min(case
        when
            seconds_placed.last_place
            >= floor(seconds_placed.n_gaps * datasets.{{ cut }}_share)
            then seconds_placed.ts_epoch
        end) as {{ cut }}_below,
    min(case
        when
            seconds_placed.last_place
            >= ceil(seconds_placed.n_gaps * datasets.{{ cut }}_share)
            then seconds_placed.ts_epoch
        end) as {{ cut }}_above{{ ',' if not loop.last }}
    {% endfor %}

    from seconds_placed

    inner join datasets on seconds_placed.dataset = datasets.dataset

    group by seconds_placed.dataset

)

select
    dataset,
{% for cut in ['train', 'val'] %}
cast(
    floor(
        {{ cut }}_below
        + ({{ cut }}_above - {{ cut }}_below)
        * ({{ cut }}_place - floor({{ cut }}_place))
    ) as bigint
) as {{ cut }}_until{{ ',' if not loop.last }}
{% endfor %}

from neighbours_found

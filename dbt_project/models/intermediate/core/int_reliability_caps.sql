-- One row per data set: the caps and weights of session reliability.
with

datasets as (

    select * from {{ ref('datasets') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

split_times as (

    select * from {{ ref('int_split_times') }}

),

session_event_types as (

    select * from {{ ref('int_session_event_types') }}

),

train_percentiles as (

    select
        dataset,
        {{ percentile('n_events', 0.95) }} as n_events_p95,
        {{ percentile('duration_sec', 0.95) }} as duration_sec_p95,
        {{ percentile('n_items', 0.95) }} as n_items_p95

    from sessions

    where split = 'train'

    group by dataset

),

event_types_counted as (

    select
        sessions.dataset,
        count(distinct session_event_types.event_type_number) as n_event_types

    from session_event_types

    inner join sessions
        on
            session_event_types.user_number = sessions.user_number
            and session_event_types.session_number = sessions.session_number

    left join split_times on sessions.dataset = split_times.dataset

    -- by time, types that nobody met before the cut are not known
    where
        split_times.dataset is null
        or session_event_types.start_ts_epoch < split_times.train_until

    group by sessions.dataset

)

select
    datasets.dataset,
    datasets.composition_of,
    coalesce(datasets.intensity_cap, train_percentiles.n_events_p95, 0)
        as intensity_cap,
    coalesce(datasets.duration_cap_sec, train_percentiles.duration_sec_p95, 0)
        as duration_cap_sec,
    case datasets.composition_of
        when 'event_types' then coalesce(event_types_counted.n_event_types, 0)
        else coalesce(datasets.composition_cap, train_percentiles.n_items_p95, 0)
    end as composition_cap,
    datasets.intensity_weight,
    datasets.extent_weight,
    datasets.composition_weight,
    datasets.intensity_weight
    + datasets.extent_weight
    + datasets.composition_weight as total_weight

from datasets

left join train_percentiles on datasets.dataset = train_percentiles.dataset

left join event_types_counted on datasets.dataset = event_types_counted.dataset

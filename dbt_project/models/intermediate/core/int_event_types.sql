{{ config(post_hook="{{ warn_of_lost_rows(this) }}") }}
-- One row per data set and event type found, with whether `datasets` keeps it and what
-- else it says of the data set's events.
with

events as (

    select * from {{ ref('int_events_unioned') }}

),

datasets as (

    select * from {{ ref('datasets') }}

),

types_counted as (

    select
        dataset,
        event_type,
        count(*) as n_events,
        count(user_id) as n_user_events

    from events

    group by dataset, event_type

)

select
    types_counted.dataset,
    types_counted.event_type,
    cast(
        row_number() over (
            order by types_counted.dataset, types_counted.event_type
        ) as integer
    ) as event_type_number,
    types_counted.n_events,
    types_counted.n_user_events,
    case
        when datasets.dataset is null
            then {{ error_of(
                "'datasets: no row for ' || types_counted.dataset"
                ~ " || ', which has raw files; add one or take the files away'"
            ) }}
        when datasets.event_type_prefixes is null then true
        else {{
            has_prefix(
                "types_counted.event_type || '$'", 'datasets.event_type_prefixes'
            )
        }}
    end as is_kept,
    datasets.family,
    datasets.session_method,
    datasets.session_gap_sec,
    datasets.drops_exact_repeats

from types_counted

-- left: a data set that `datasets` does not know must not vanish
left join datasets on types_counted.dataset = datasets.dataset

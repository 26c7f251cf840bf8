-- One row per data set and event type found, with whether `datasets` keeps it.
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
        when datasets.event_type_prefixes is null then true
        else {{
            has_prefix(
                "types_counted.event_type || '$'", 'datasets.event_type_prefixes'
            )
        }}
    end as is_kept,
    datasets.session_method,
    datasets.session_gap_sec,
    datasets.drops_exact_repeats

from types_counted

inner join datasets on types_counted.dataset = datasets.dataset

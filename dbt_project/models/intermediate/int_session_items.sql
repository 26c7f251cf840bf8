-- One row per session and item, for actions that have one.
select
    user_key,
    session_number,
    item_rank,
    count(*) as n_events

from {{ ref('int_events_sessionized') }}

where item_rank is not null

group by user_key, session_number, item_rank

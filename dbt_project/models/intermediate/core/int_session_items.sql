-- One row per session and item, for actions that have one.
select
    user_number,
    session_number,
    item_number,
    count(*) as n_events

from {{ ref('int_events_in_sessions') }}

where item_number is not null

group by user_number, session_number, item_number

{{ config(materialized='view') }}
-- One row per kept event, without the exact repeats of data sets that drop them. No
-- CTE: one that is read twice is kept whole in memory, and here those are all events.
{%- set columns %}
    user_number,
    item_number,
    event_type_number,
    event_at,
    -- computed in less time than it is written and read again
    {{ epoch_seconds('event_at') }} as ts_epoch,
    stretch,
    -- for equality
    coalesce(platform_session, '') as platform_session
{%- endset %}
select {{ columns }}

from {{ ref('int_events_numbered') }}

where not drops_exact_repeats

union all

select distinct {{ columns }}

from {{ ref('int_events_numbered') }}

where drops_exact_repeats

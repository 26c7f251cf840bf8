{{ config(materialized='view') }}
-- One row per kept event, without the exact repeats of data sets that drop them. No
-- CTE: one that is read twice is kept whole in memory, and here those are all events.
select *

from {{ ref('int_events_numbered') }}

where not drops_exact_repeats

union all

select distinct *

from {{ ref('int_events_numbered') }}

where drops_exact_repeats

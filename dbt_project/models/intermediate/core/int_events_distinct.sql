{{ config(materialized='view') }}
-- One row per kept event, without the exact repeats of data sets that drop them.
with

events as (

    select * from {{ ref('int_events_numbered') }}

)

select *

from events

where not drops_exact_repeats

union all

select distinct *

from events

where drops_exact_repeats

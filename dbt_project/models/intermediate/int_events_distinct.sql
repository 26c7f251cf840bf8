{{ config(materialized='view') }}
-- One row per staged event, without the exact repeats of data sets that drop them.
with

events as (

    select * from {{ ref('int_events_unioned') }}

),

datasets as (

    select * from {{ ref('datasets') }}

)

select
    dataset,
    user_id,
    item_key,
    event_type,
    event_at,
    platform_session

from events

where dataset in (select dataset from datasets where not drops_exact_repeats)

union all

select distinct
    dataset,
    user_id,
    item_key,
    event_type,
    event_at,
    platform_session

from events

where dataset in (select dataset from datasets where drops_exact_repeats)

-- One row per rating of every language file; exact repeats included.
with

raw_ratings as (

    select * from {{ raw_rows('mars', 'explicit_ratings') }}

)

select
    'mars' as dataset,
    user_id,
    item_id as item_key,
    'watch' as event_type,
    created_at as event_at,
    watch_percentage,
    rating

from raw_ratings

-- One row per user and place in the user's list: what is shown next.
with

lists as (

    select * from {{ rec_run_rows() }}

)

select
    dataset,
    user_id,
    rank,
    item_key,
    score,
    model,
    run_id,
    as_of

from lists

-- Gap sessions of a user lie apart by more than the limit, and none overlaps another.
with

sessions as (

    select
        sessions.*,
        datasets.session_gap_sec,
        lead(sessions.start_ts_epoch) over (
            partition by sessions.dataset, sessions.user_id
            order by sessions.start_ts_epoch, sessions.session_id
        ) as next_start_ts_epoch

    from {{ ref('sessions') }} as sessions

    inner join {{ ref('datasets') }} as datasets
        on sessions.dataset = datasets.dataset

    where datasets.session_method = 'gap'

)

select
    dataset,
    session_id
from sessions
where next_start_ts_epoch - end_ts_epoch <= session_gap_sec

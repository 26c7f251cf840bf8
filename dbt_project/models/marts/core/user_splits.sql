-- One row per user with a kept event: the split the user belongs to for good or, where
-- a data set is split by time, the one that the first event lies in.
with

users as (

    select
        dataset,
        user_id,
        min(split) as split,
        min(start_ts_epoch) as start_ts_epoch

    from {{ ref('int_sessions') }}

    group by dataset, user_id

),

split_times as (

    select * from {{ ref('int_split_times') }}

)

select
    users.dataset,
    users.user_id,
    case
        when split_times.dataset is null then users.split
        else {{ split_at('users.start_ts_epoch', 'split_times') }}
    end as split

from users

left join split_times on users.dataset = split_times.dataset

-- One row per user with a kept event: the split the user belongs to for good.
select distinct
    dataset,
    user_id,
    split

from {{ ref('int_sessions') }}

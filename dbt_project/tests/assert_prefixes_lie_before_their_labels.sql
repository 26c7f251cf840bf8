-- A prefix holds something, ends on another item than the label, and is older.
select
    dataset,
    pair_id
from {{ ref('pairs') }}
where
    prefix_max_ts_epoch >= label_ts_epoch
    or {{ list_length('prefix') }} <> least(prefix_len, {{ var('max_prefix_len') }})
    or {{ list_length('prefix') }} = 0
    or {{ list_value('prefix', -1) }} = label

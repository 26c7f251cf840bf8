-- X is not empty, holds nothing later than its index impression, and ends with it.
select
    dataset,
    trial_id
from {{ ref('causal_trials') }}
where
    len(event_ids) <> history_length
    or len(item_ids) <> history_length
    or len(minutes_before) <> history_length
    or history_length > {{ var('max_history_len') }}
    or list_min(minutes_before) < 0
    or minutes_before[history_length] <> 0
    or event_ids[history_length] <> 1
    or item_ids[history_length] <> item_id

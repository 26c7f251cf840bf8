-- X is not empty, holds nothing later than its index impression, and ends with it.
select
    dataset,
    trial_id
from {{ ref('causal_trials') }}
where
    {{ list_length('event_ids') }} <> history_length
    or {{ list_length('item_ids') }} <> history_length
    or {{ list_length('minutes_before') }} <> history_length
    or history_length > {{ var('max_history_len') }}
    or {{ list_min('minutes_before') }} < 0
    or {{ list_value('minutes_before', 'history_length') }} <> 0
    or {{ list_value('event_ids', 'history_length') }} <> 1
    or {{ list_value('item_ids', 'history_length') }} <> item_id

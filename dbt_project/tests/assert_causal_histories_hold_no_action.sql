-- A click or purchase in X would tell what is asked.
select
    dataset,
    session_id
from {{ ref('causal_sessions') }}
where {{ list_max('event_ids') }} > 1

union all

select
    dataset,
    session_id
from {{ ref('causal_trials') }}
where {{ list_max('event_ids') }} > 1

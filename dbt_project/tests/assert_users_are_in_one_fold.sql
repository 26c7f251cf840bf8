-- A user in two folds would teach the model that is asked about the same user.
select
    dataset,
    user_id
from {{ ref('causal_trials') }}
group by dataset, user_id
having
    count(distinct fold) > 1
    or max(fold) >= {{ var('n_folds') }}

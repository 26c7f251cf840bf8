-- A user with sessions in two splits would let a model see its test users; by time,
-- what counts is when.
select
    dataset,
    user_id
from {{ ref('sessions') }}
where dataset not in (select dataset from {{ ref('split_times') }})
group by dataset, user_id
having count(distinct split) > 1

-- A user with sessions in two splits would let a model see its test users.
select
    dataset,
    user_id
from {{ ref('sessions') }}
group by dataset, user_id
having count(distinct split) > 1

-- A list has the ranks 1, 2, 3, … up to at most what was asked for.
with

lists as (

    select * from {{ rec_run_rows() }}

),

lengths as (

    select
        dataset,
        user_id,
        max(top) as top

    from lists

    group by dataset, user_id

)

select
    recommendations.dataset,
    recommendations.user_id
from {{ ref('recommendations') }} as recommendations
inner join lengths
    on
        recommendations.dataset = lengths.dataset
        and recommendations.user_id = lengths.user_id
group by recommendations.dataset, recommendations.user_id
having
    min(recommendations.rank) <> 1
    or max(recommendations.rank) <> count(*)
    or max(recommendations.rank) > max(lengths.top)

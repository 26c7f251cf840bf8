-- At least 80% of the predictions of a run have the parameters of their item, in each
-- data set. The two engines once ran on different students and shared none.
with

predictions as (

    select * from {{ run_rows('kt_run', 'sakt_predictions') }}

)

select
    predictions.dataset,
    count(item_health.item_id) / cast(count(*) as double) as coverage
from predictions
left join {{ ref('item_health') }} as item_health
    on
        predictions.dataset = item_health.dataset
        and predictions.item_id = item_health.item_id
group by predictions.dataset
having count(item_health.item_id) < 0.8 * count(*)

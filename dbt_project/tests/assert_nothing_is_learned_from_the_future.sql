-- Where a data set is split by time, what is known of items is recounted from the
-- events before the cut, as if there were no others.
with

recounted as (

    select
        events.dataset,
        events.item_key,
        count(*) as n_train_events

    from {{ ref('events') }} as events

    inner join {{ ref('split_times') }} as split_times
        on events.dataset = split_times.dataset

    where events.ts_epoch < split_times.train_until

    group by events.dataset, events.item_key

)

select
    vocab.dataset,
    vocab.item_key
from {{ ref('vocab') }} as vocab
inner join {{ ref('split_times') }} as split_times
    on vocab.dataset = split_times.dataset
left join recounted
    on
        vocab.dataset = recounted.dataset
        and vocab.item_key = recounted.item_key
where
    vocab.n_train_events <> coalesce(recounted.n_train_events, 0)
    or vocab.in_train <> (recounted.item_key is not null)

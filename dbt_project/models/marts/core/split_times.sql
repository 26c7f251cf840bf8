-- One row per data set that is split by time: the seconds at which train and val end.
select
    dataset,
    train_until,
    val_until

from {{ ref('int_split_times') }}

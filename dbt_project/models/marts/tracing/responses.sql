-- One row per response: a graded first answer.
select
    dataset,
    response_id,
    user_id,
    split,
    session_id,
    item_id,
    item_key,
    skill_keys,
    correct,
    answered_at,
    ts_epoch,
    latency_sec,
    help_before,
    cast(
        row_number() over (
            partition by user_key, item_id
            order by response_id
        ) as integer
    ) as attempt

from {{ ref('int_responses') }}

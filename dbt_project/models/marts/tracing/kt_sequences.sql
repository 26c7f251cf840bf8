-- One row per window of a user's responses, in order of time; windows do not overlap.
with

responses as (

    select * from {{ ref('int_responses') }}

),

skill_lists as (

    select * from {{ ref('int_skill_lists') }}

),

positions_numbered as (

    select
        responses.dataset,
        responses.user_id,
        responses.split,
        responses.response_id,
        responses.item_id,
        skill_lists.skill_ids,
        responses.correct,
        responses.ts_epoch,
        row_number() over (
            partition by responses.user_key
            order by responses.ts_epoch, responses.response_id
        ) - 1 as user_position

    from responses

    inner join skill_lists
        on
            responses.dataset = skill_lists.dataset
            and responses.skill_keys = skill_lists.skill_keys

),

windows_cut as (

    select
        dataset,
        user_id,
        split,
        cast(floor(user_position / {{ var('kt_window') }}) as integer) as window_number,
        {{ rows_list(
            ['response_id', 'item_id', 'skill_ids', 'correct', 'ts_epoch'],
            'user_position'
        ) }} as answers

    from positions_numbered

    group by dataset, user_id, split, window_number

)

select
    dataset,
    user_id || '_' || lpad(cast(window_number as varchar), 6, '0') as sequence_id,
    user_id,
    split,
    window_number as "window",
    {{ column_of('answers', 'response_id') }} as response_ids,
    {{ column_of('answers', 'item_id') }} as item_ids,
    {{ column_of('answers', 'skill_ids') }} as skill_ids,
    {{ column_of('answers', 'correct') }} as correct,
    {{ column_of('answers', 'ts_epoch') }} as ts_epoch

from windows_cut

-- One row per window of a user's responses, in order of time; windows do not overlap.
-- depends_on: {{ ref('response_features') }}
-- (one large sort after the other: side by side they do not fit into 3 GB)
with

responses as (

    select * from {{ ref('int_responses') }}

),

users as (

    select * from {{ ref('int_users') }}

),

skill_lists_gathered as (

    -- a list's number is its place: they count from 1 without a gap
    select {{ list_in_order('skill_ids', 'skill_list_number') }} as skill_lists

    from {{ ref('int_skill_list_ids') }}

),

windows_cut as (

    select
        user_number,
        cast(floor(user_position / {{ var('kt_window') }}) as integer) as window_number,
        {{ rows_list([
            'user_position', 'response_id', 'item_id', 'skill_list_number', 'correct',
            'ts_epoch'
        ]) }} as answers

    from responses

    group by user_number, window_number

)

select
    users.dataset,
    users.user_id || '_' || lpad(cast(windows_cut.window_number as string), 6, '0')
        as sequence_id,
    users.user_id,
    users.split,
    windows_cut.window_number as {{ quoted('window') }},
    {{ column_of('windows_cut.answers', 'response_id') }} as response_ids,
    {{ column_of('windows_cut.answers', 'item_id') }} as item_ids,
    {{ entries_of(
        'windows_cut.answers', 'skill_list_number', 'skill_lists_gathered.skill_lists'
    ) }} as skill_ids,
    {{ column_of('windows_cut.answers', 'correct') }} as correct,
    {{ column_of('windows_cut.answers', 'ts_epoch') }} as ts_epoch

from windows_cut

inner join users on windows_cut.user_number = users.user_number

-- left, though there always is a row: an inner join may go first, and then every row
-- that waits for its user carries all the lists
left join skill_lists_gathered on true

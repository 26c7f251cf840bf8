-- Every response lies in one window, once, at the place of its user and time, in step
-- with its item, skills and answer; windows are full but for the last of a user. Above
-- 500,000 responses a sample of users with about that many is looked at.
with

users_sampled as (

    select
        dataset,
        user_id
    from {{ ref('user_splits') }}
    where
        {{ hash_to_unit('user_id') }}
        <= (select 500000.0 / greatest(count(*), 1) from {{ ref('responses') }})

),

responses as (

    select responses.*
    from {{ ref('responses') }} as responses
    inner join users_sampled using (dataset, user_id)

),

windows_unfolded as (

    select
        dataset,
        user_id,
        {{ quoted('window') }} as window_number,
        {{ list_length('response_ids') }} as n_responses,
        max({{ quoted('window') }}) over (partition by dataset, user_id) as last_window,
        {{ lists_rows({
            'response_id': 'response_ids',
            'item_id': 'item_ids',
            'skill_ids': 'skill_ids',
            'correct': 'correct',
            'ts_epoch': 'ts_epoch',
            'place': list_range('response_ids'),
        }) }}
    from {{ ref('kt_sequences') }}
    inner join users_sampled using (dataset, user_id)

),

neighbours as (

    select
        *,
        lag(response_id) over (
            partition by dataset, user_id
            order by window_number, place
        ) as response_id_before
    from windows_unfolded

),

skills_named as (

    select
        neighbours.dataset,
        neighbours.response_id,
        {{ list_in_order('skills.skill_key', 'skills.skill_key') }} as skill_keys
    from neighbours
    inner join {{ ref('skills') }} as skills
        on
            neighbours.dataset = skills.dataset
            and array_contains(neighbours.skill_ids, skills.skill_id)
    group by neighbours.dataset, neighbours.response_id

)

select
    responses.dataset,
    responses.response_id
from responses
full join neighbours using (dataset, response_id)
left join skills_named using (dataset, response_id)
where
    responses.user_id is distinct from neighbours.user_id
    or responses.item_id is distinct from neighbours.item_id
    or responses.correct is distinct from neighbours.correct
    or responses.ts_epoch is distinct from neighbours.ts_epoch
    or responses.skill_keys is distinct from coalesce(
        skills_named.skill_keys, {{ empty_list('varchar') }}
    )
    or neighbours.response_id_before >= neighbours.response_id
    or neighbours.n_responses > {{ var('kt_window') }}
    or (
        neighbours.window_number < neighbours.last_window
        and neighbours.n_responses < {{ var('kt_window') }}
    )

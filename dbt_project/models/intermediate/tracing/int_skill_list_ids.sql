-- One row per list of skills with the ids of those that responses ask for; of every
-- list, so that a list's number is its place.
with

lists as (

    select * from {{ ref('int_skill_lists') }}

),

skills as (

    select * from {{ ref('int_skills') }}

),

lists_parted as (

    select
        dataset,
        skill_list_number,
        {{ list_rows('skill_keys') }} as skill_key

    from lists

)

select
    lists.skill_list_number,
    {{ sorted_set('skills.skill_id') }} as skill_ids

from lists

-- left: an empty list stays
left join lists_parted on lists.skill_list_number = lists_parted.skill_list_number

left join skills
    on
        lists_parted.dataset = skills.dataset
        and lists_parted.skill_key = skills.skill_key

group by lists.skill_list_number

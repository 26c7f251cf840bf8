-- One row per list of skills that responses ask for, with the ids of its skills.
with

lists as (

    select * from {{ ref('int_skill_lists') }}

),

lists_used as (

    select distinct skill_list_key

    from {{ ref('int_responses') }}

),

skills as (

    select * from {{ ref('skills') }}

),

lists_parted as (

    select
        dataset,
        skill_list_key,
        unnest(skill_keys) as skill_key

    from lists

)

select
    lists_used.skill_list_key,
    {{ sorted_set('skills.skill_id') }} as skill_ids

from lists_used

-- left: an empty list stays
left join lists_parted on lists_used.skill_list_key = lists_parted.skill_list_key

left join skills
    on
        lists_parted.dataset = skills.dataset
        and lists_parted.skill_key = skills.skill_key

group by lists_used.skill_list_key

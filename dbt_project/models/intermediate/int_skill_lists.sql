-- One row per list of skills that responses ask for, with the skills' ids: few lists,
-- so responses join them instead of each looking up its skills.
with

lists_found as (

    select distinct
        dataset,
        skill_keys

    from {{ ref('int_responses') }}

),

skills as (

    select * from {{ ref('skills') }}

),

lists_parted as (

    select
        dataset,
        skill_keys,
        unnest(skill_keys) as skill_key

    from lists_found

)

select
    lists_found.dataset,
    lists_found.skill_keys,
    {{ sorted_set('skills.skill_id') }} as skill_ids

from lists_found

-- left: an empty list stays
left join lists_parted
    on
        lists_found.dataset = lists_parted.dataset
        and lists_found.skill_keys = lists_parted.skill_keys

left join skills
    on
        lists_parted.dataset = skills.dataset
        and lists_parted.skill_key = skills.skill_key

group by lists_found.dataset, lists_found.skill_keys

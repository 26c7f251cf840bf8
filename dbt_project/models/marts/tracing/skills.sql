-- One row per skill of a data set's responses, with its dense id.
select
    skills.dataset,
    skills.skill_id,
    skills.skill_key,
    names.skill_name

from {{ ref('int_skills') }} as skills

left join {{ ref('int_skill_names') }} as names
    on
        skills.dataset = names.dataset
        and skills.skill_key = names.skill_key

-- One row per skill that a problem describes; where it has several names, the smallest.
select
    'edm_cup_2023' as dataset,
    trim(problem_skill_code) as skill_key,
    min(problem_skill_description) as skill_name

from {{ raw_rows('edm_cup_2023', 'problem_details') }}

-- of several codes nobody can tell which one the description is of
where
    nullif(problem_skill_description, '') is not null
    and instr(problem_skill_code, ',') = 0

group by trim(problem_skill_code)

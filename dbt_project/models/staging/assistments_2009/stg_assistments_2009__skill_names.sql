-- One row per skill that the log names; where it has several names, the smallest.
select
    'assistments_2009' as dataset,
    skill_id as skill_key,
    min(skill_name) as skill_name

from {{ raw_rows('assistments_2009', 'skill_builder_data') }}

-- of several skills in one field nobody can tell which part of the name is whose
where nullif(skill_name, '') is not null and instr(skill_id, '_') = 0

group by skill_id

-- One row per skill that the log names; where it has several names, the smallest.
select
    'assistments_2009' as dataset,
    skill_codes as skill_key,
    min(skill_name) as skill_name

from {{ ref('stg_assistments_2009__rows') }}

where skill_name is not null

group by skill_codes

-- One row per skill of a data set's responses, with its dense id.
select
    dataset,
    skill_id,
    skill_key

from {{ ref('int_skills') }}

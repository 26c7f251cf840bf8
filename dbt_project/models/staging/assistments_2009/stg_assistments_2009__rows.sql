{{ config(materialized='table') }}
-- One row per row of the log: an answer and one of its skills, or all in one field. A
-- table, since every reading of the text file costs as much again.
select
    order_id,
    user_id,
    problem_id,
    original,
    correct,
    -- the collapsed file has one row an answer, its skills, which are numbers, with
    -- _ between; Area_Circle is one skill
    case
        when
            instr(skill_id, '_') > 0
            and {{ matches('skill_id', '^[0-9]+(_[0-9]+)+$') }}
            then replace(skill_id, '_', ',')
        else skill_id
    end as skill_codes,
    -- of several skills in one field nobody can tell which part of the name is whose
    case when instr(skill_id, '_') = 0 then nullif(skill_name, '') end as skill_name,
    ms_first_response,
    first_action

from {{ raw_rows('assistments_2009', 'skill_builder_data') }}

{{ config(materialized='table') }}
-- One row per assignment log: the student whose work it is, null where none is given.
with

raw_assignments as (

    select * from {{ raw_rows('edm_cup_2023', 'assignment_details') }}

)

select
    assignment_log_id,
    -- millions of actions carry it: a text would double their table
    row_number() over (order by assignment_log_id) as assignment_number,
    case
        when coalesce(min(student_id) = max(student_id), true) then min(student_id)
        else {{ error_of(
            "'raw/edm_cup_2023/assignment_details.csv: assignment_log_id '"
            ~ " || assignment_log_id || ' has several students; keep the true one'"
        ) }}
    end as user_id

from raw_assignments

group by assignment_log_id

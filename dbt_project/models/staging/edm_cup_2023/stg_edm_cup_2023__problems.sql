-- One row per described problem, with its skills as a list.
with

raw_problems as (

    select * from {{ raw_rows('edm_cup_2023', 'problem_details') }}

),

codes_parted as (

    select
        problem_id,
        {{ list_rows(codes_of('problem_skill_code')) }} as skill_key

    from raw_problems

),

problems_found as (

    select distinct problem_id

    from raw_problems

)

select
    problems_found.problem_id as item_key,
    {{ sorted_set('codes_parted.skill_key') }} as skill_keys

from problems_found

-- a problem without code stays, with an empty list
left join codes_parted on problems_found.problem_id = codes_parted.problem_id

group by problems_found.problem_id

-- One row per skill of a data set's responses, with its dense id.
with

skills_found as (

    select distinct
        dataset,
        unnest(skill_keys) as skill_key

    from {{ ref('int_responses') }}

)

select
    dataset,
    cast(
        row_number() over (
            partition by dataset
            order by skill_key
        ) - 1 as integer
    ) as skill_id,
    skill_key

from skills_found

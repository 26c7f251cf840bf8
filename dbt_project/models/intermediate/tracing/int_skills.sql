-- One row per skill of a data set's responses, with its dense id.
with

lists_used as (

    select distinct skill_list_number

    from {{ ref('int_responses') }}

),

skills_found as (

    select distinct
        lists.dataset,
        {{ list_rows('lists.skill_keys') }} as skill_key

    from {{ ref('int_skill_lists') }} as lists

    inner join lists_used on lists.skill_list_number = lists_used.skill_list_number

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

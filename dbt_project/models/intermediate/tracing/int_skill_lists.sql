{{ config(post_hook="{{ refuse_strange_family(
    'tracing', ref('int_event_types'), this, 'no graded answer'
) }}") }}
-- One row per list of skills that answers ask for, with a number: answers carry that
-- through every sort, not the list.
with

lists_found as (

    select distinct
        dataset,
        coalesce(skill_keys, {{ empty_list('varchar') }}) as skill_keys

    from {{ ref('int_answers_unioned') }}

)

select
    dataset,
    cast(row_number() over (order by dataset, skill_keys) as integer)
        as skill_list_number,
    skill_keys

from lists_found

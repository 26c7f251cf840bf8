{{ config(materialized='table') }}
-- One row per order_id, with the skills of its rows as a list; rows that contradict
-- each other fail.
--
-- Most answers are one row and are taken as they stand; only those of several rows are
-- grouped, since a list for each of millions of groups costs more than all else here.
with

raw_answers as (

    select * from {{ ref('stg_assistments_2009__rows') }}

),

orders_of_several_rows as (

    select order_id

    from raw_answers

    group by order_id

    having count(*) > 1

),

answers_gathered as (

    select
        raw_answers.order_id,
        raw_answers.user_id,
        raw_answers.problem_id,
        raw_answers.original,
        raw_answers.correct,
        raw_answers.skill_codes,
        raw_answers.ms_first_response,
        raw_answers.first_action

    from raw_answers

    left join orders_of_several_rows
        on raw_answers.order_id = orders_of_several_rows.order_id

    where orders_of_several_rows.order_id is null

    union all

    select
        raw_answers.order_id,
        case
            when
                min(raw_answers.user_id) = max(raw_answers.user_id)
                and min(raw_answers.problem_id) = max(raw_answers.problem_id)
                and min(raw_answers.correct) = max(raw_answers.correct)
                and min(raw_answers.original) = max(raw_answers.original)
                then min(raw_answers.user_id)
            when
                min(raw_answers.user_id) = max(raw_answers.user_id)
                and min(raw_answers.problem_id) = max(raw_answers.problem_id)
                then {{ error_of(
                    "'raw/assistments_2009/skill_builder_data*.csv: order_id '"
                    ~ " || cast(raw_answers.order_id as string)"
                    ~ " || ' has rows that differ in correct or original;"
                    ~ " keep the true ones'"
                ) }}
            else {{ error_of(
                "'raw/assistments_2009/skill_builder_data*.csv: order_id '"
                ~ " || cast(raw_answers.order_id as string)"
                ~ " || ' is of several users or problems; keep the files of one export'"
            ) }}
        end as user_id,
        min(raw_answers.problem_id) as problem_id,
        min(raw_answers.original) as original,
        min(raw_answers.correct) as correct,
        {{ texts_joined('raw_answers.skill_codes') }} as skill_codes,
        min(raw_answers.ms_first_response) as ms_first_response,
        max(raw_answers.first_action) as first_action

    from raw_answers

    inner join orders_of_several_rows
        on raw_answers.order_id = orders_of_several_rows.order_id

    group by raw_answers.order_id

),

-- an export with a row a skill and numbers of its own: its second row would know the
-- answer
neighbours_compared as (

    select
        *,
        coalesce(
            problem_id = lag(problem_id) over user_timeline
            and correct = lag(correct) over user_timeline
            and ms_first_response
            is not distinct from lag(ms_first_response) over user_timeline
            and skill_codes <> lag(skill_codes) over user_timeline,
            false
        ) as is_next_row_of_an_answer

    from answers_gathered

    window user_timeline as (partition by user_id order by order_id)

)

select
    'assistments_2009' as dataset,
    order_id,
    user_id,
    case
        when not is_next_row_of_an_answer then problem_id
        else {{ error_of(
            "'raw/assistments_2009/skill_builder_data*.csv: order_id '"
            ~ " || cast(order_id as string) || ' of user ' || user_id"
            ~ " || ' repeats the answer before it with another skill; give the rows"
            ~ " of one answer one order_id'"
        ) }}
    end as item_key,
    case when original = 0 then 'scaffold_response' else 'response' end as event_type,
    -- ordinal, not a time of day: only the order of two answers means anything
    {{ add_seconds("timestamp '2009-01-01'", 'order_id') }} as event_at,
    cast(null as string) as platform_session,
    original <> 0 as is_original,
    case
        when skill_codes is null then {{ empty_list('varchar') }}
        -- most have one skill, and taking texts apart costs
        when instr(skill_codes, ',') = 0
            then array_append({{ empty_list('varchar') }}, skill_codes)
        else array_sort(array_distinct({{ codes_of('skill_codes') }}))
    end as skill_keys,
    correct = 1 as correct,
    -- the log has some negative ones, which are no durations
    case when ms_first_response >= 0 then ms_first_response / 1e3 end as latency_sec,
    coalesce(first_action, 0) > 0 as help_before

from neighbours_compared

-- One row per response and skill that it asks for: what its user had done on it before,
-- in strictly earlier seconds.
{%- set skill = 'user_number, skill_id' %}
{%- set n_correct = 'count(case when correct then 1 end)' %}
{%- set spans = time_spans() %}
-- more than anybody's answers on one skill; products stay exact in a double
{% set shift = 67108864 %}
with

responses as (

    select * from {{ ref('int_responses_in_order') }}

),

skill_lists as (

    select
        skill_list_number,
        skill_ids,
        {{ list_length('skill_ids') }} as n_skills

    from {{ ref('int_skill_list_ids') }}

),

skills_parted as (

    select
        responses.response_id,
        responses.user_number,
        responses.ts_epoch,
        responses.correct,
        responses.prior_n as user_prior_n,
        responses.n_until,
        skill_lists.n_skills,
        {{ list_rows('skill_lists.skill_ids') }} as skill_id

    from responses

    inner join
        skill_lists
        on responses.skill_list_number = skill_lists.skill_list_number

),

-- What the order of single answers tells. Counted apart, so that the first of a second
-- can tell the others; rows of one response share its second: none sees another.
skills_ordered as (

    select
        *,
        cast(
            rank() over (
                partition by user_number, skill_id
                order by ts_epoch
            ) - 1 as bigint
        ) as prior_n,
        {{ in_earlier_seconds(n_correct, skill) }} as prior_n_correct,
        {%- for n in (3, 10) %}
        {{ n_correct }} over (
            partition by user_number, skill_id
            order by ts_epoch, response_id
            rows between {{ n }} preceding and 1 preceding
        ) as n_correct_of_{{ n }}_before,
        {%- endfor %}
        lag(n_until) over skill_timeline as n_until_before,
        lag(ts_epoch) over skill_timeline as ts_epoch_before

    from skills_parted

    window skill_timeline as (
        partition by user_number, skill_id
        order by ts_epoch, response_id
    )

),

skills_tallied as (

    select
        *,
        -- two counts in one number, so that one window looks both up
        prior_n_correct * {{ shift }} + prior_n as tally

    from skills_ordered

),

skills_counted as (

    select
        response_id,
        user_number,
        n_skills,
        ts_epoch,
        user_prior_n,
        prior_n,
        prior_n_correct,
        {%- for n in (3, 10) %}
        {{ of_first_of_second('n_correct_of_%d_before' % n, skill) }}
            as last_{{ n }}_n_correct,
        {%- endfor %}
        {%- for name, hours in spans.items() %}
        -- what came before the span is what its first second has seen
        first_value(tally) over (
            partition by user_number, skill_id
            order by ts_epoch
            range between {{ hours * 3600 }} preceding and current row
        ) as tally_before_{{ name }},
        {%- endfor %}
        {{ of_first_of_second('n_until_before', skill) }} as n_until_met,
        {{ of_first_of_second('ts_epoch_before', skill) }} as met_ts_epoch

    from skills_tallied

)

select
    response_id,
    user_number,
    n_skills,
    prior_n,
    {{ smoothed_rate('prior_n_correct', 'prior_n') }} as prior_correct_rate,
    {%- for n in (3, 10) %}
    {{ smoothed_rate('last_%d_n_correct' % n, 'least(prior_n, %d)' % n) }}
        as last_{{ n }}_correct_rate,
    {%- endfor %}
    {%- for name in spans %}
    prior_n - tally_before_{{ name }} % {{ shift }} as prior_{{ name }}_n,
    prior_n_correct - cast(floor(tally_before_{{ name }} / {{ shift }}e0) as bigint)
        as prior_{{ name }}_n_correct,
    {%- endfor %}
    user_prior_n - n_until_met as answers_since,
    ts_epoch - met_ts_epoch as seconds_since

from skills_counted

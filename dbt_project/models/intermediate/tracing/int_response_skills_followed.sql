-- One row per response that asks for skills: what its user had done on them before, in
-- strictly earlier seconds; means over the skills.
-- hours that answers are counted over, as DAS3H's (Choffin et al., EDM 2019)
{% set spans = {"hour": 1, "day": 24, "week": 168, "month": 720} %}
with

responses as (

    select * from {{ ref('int_responses_followed') }}

),

skill_lists as (

    select * from {{ ref('int_skill_list_ids') }}

),

skills_parted as (

    select
        responses.response_id,
        responses.user_number,
        responses.ts_epoch,
        responses.correct,
        responses.prior_n as user_prior_n,
        responses.n_until,
        {{ list_rows('skill_lists.skill_ids') }} as skill_id

    from responses

    inner join
        skill_lists
        on responses.skill_list_number = skill_lists.skill_list_number

),

skills_counted as (

    -- rows of one response share its second: none sees another
    select
        response_id,
        user_number,
        skill_id,
        ts_epoch,
        user_prior_n,
        count(*) over skill_before as prior_n,
        count(case when correct then 1 end) over skill_before as prior_n_correct,
        {%- for name, hours in spans.items() %}
        count(*) over last_{{ name }} as prior_{{ name }}_n,
        count(case when correct then 1 end) over last_{{ name }}
            as prior_{{ name }}_n_correct,
        {%- endfor %}
        {%- for n in (3, 10) %}
        count(case when correct then 1 end) over (
            partition by user_number, skill_id
            order by ts_epoch, response_id
            rows between unbounded preceding and {{ n + 1 }} preceding
        ) as n_correct_before_last_{{ n }},
        {%- endfor %}
        max(n_until) over skill_before as n_until_met,
        max(ts_epoch) over skill_before as met_ts_epoch

    from skills_parted

    window
        skill_before as (
            partition by user_number, skill_id
            order by ts_epoch
            range between unbounded preceding and 1 preceding
        ),
    {%- for name, hours in spans.items() %}
    last_{{ name }} as (
        partition by user_number, skill_id
        order by ts_epoch
        range between {{ hours * 3600 }} preceding and 1 preceding
    ){{ "," if not loop.last }}
    {%- endfor %}

),

skills_followed as (

    select
        *,
    {%- for n in (3, 10) %}
    -- the smallest of a second is its first response's
    prior_n_correct - min(n_correct_before_last_{{ n }}) over same_second
        as last_{{ n }}_n_correct{{ "," if not loop.last }}
    {%- endfor %}

    from skills_counted

    window same_second as (
        partition by user_number, skill_id
        order by ts_epoch
        range between current row and current row
    )

)

select
    response_id,
    user_number,
    avg(prior_n) as prior_n,
    {{ exact_mean(smoothed_rate('prior_n_correct', 'prior_n')) }} as prior_correct_rate,
    {%- for n in (3, 10) %}
        {{ exact_mean(
            smoothed_rate('last_%d_n_correct' % n, 'least(prior_n, %d)' % n)
        ) }} as last_{{ n }}_correct_rate,
    {%- endfor %}
    {%- for name in spans %}
    avg(prior_{{ name }}_n) as prior_{{ name }}_n,
    avg(prior_{{ name }}_n_correct) as prior_{{ name }}_n_correct,
    {%- endfor %}
    min(user_prior_n - n_until_met) as answers_since,
    min(ts_epoch - met_ts_epoch) as seconds_since

from skills_followed

group by user_number, response_id

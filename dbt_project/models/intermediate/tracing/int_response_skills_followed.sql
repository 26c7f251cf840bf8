-- One row per response that asks for skills: what its user had done on them before, in
-- strictly earlier seconds; means over the skills.
{%- set skill = 'user_number, skill_id' %}
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
        n_until,
        {{ in_earlier_seconds('count(*)', skill) }} as prior_n,
        {{ in_earlier_seconds('count(case when correct then 1 end)', skill) }}
            as prior_n_correct,
        count(*) over this_second as n_now,
        count(case when correct then 1 end) over this_second as n_correct_now,
        {%- for name, hours in spans.items() %}
        count(*) over last_{{ name }} as n_in_{{ name }},
        count(case when correct then 1 end) over last_{{ name }}
            as n_correct_in_{{ name }},
        {%- endfor %}
        {%- for n in (3, 10) %}
        count(case when correct then 1 end) over (
            partition by user_number, skill_id
            order by ts_epoch, response_id
            rows between unbounded preceding and {{ n + 1 }} preceding
        ) as n_correct_before_last_{{ n }},
        {%- endfor %}
        lag(n_until) over skill_timeline as n_until_before,
        lag(ts_epoch) over skill_timeline as ts_epoch_before

    from skills_parted

    window
        skill_timeline as (
            partition by user_number, skill_id
            order by ts_epoch, response_id
        ),
        this_second as (
            partition by user_number, skill_id
            order by ts_epoch
            range between current row and current row
        ),
    {%- for name, hours in spans.items() %}
    last_{{ name }} as (
        partition by user_number, skill_id
        order by ts_epoch
        range between {{ hours * 3600 }} preceding and current row
    ){{ "," if not loop.last }}
    {%- endfor %}

),

skills_followed as (

    select
        *,
        {%- for name in spans %}
        n_in_{{ name }} - n_now as prior_{{ name }}_n,
        n_correct_in_{{ name }} - n_correct_now as prior_{{ name }}_n_correct,
        {%- endfor %}
        -- the smallest of a second is its first response's
        {%- for n in (3, 10) %}
        prior_n_correct - min(n_correct_before_last_{{ n }}) over same_second
            as last_{{ n }}_n_correct,
        {%- endfor %}
        -- the first second of a skill has none before
        nullif(min(n_until_before) over same_second, n_until) as n_until_met,
        nullif(min(ts_epoch_before) over same_second, ts_epoch) as met_ts_epoch

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

-- One row per response: what its user had shown before, in strictly earlier seconds.
{% set spans = time_spans() %}
with

responses as (

    select * from {{ ref('int_responses_followed') }}

),

skills as (

    select * from {{ ref('int_response_skills_followed') }}

),

users as (

    select * from {{ ref('int_users') }}

),

datasets as (

    select * from {{ ref('datasets') }}

)

select
    users.dataset,
    responses.response_id,
    users.user_id,
    users.split,
    responses.prior_n,
    {{ smoothed_rate('responses.prior_n_correct', 'responses.prior_n') }}
        as prior_correct_rate,
    {%- for n in (5, 20) %}
        {{ smoothed_rate(
            'responses.last_%d_n_correct' % n, 'least(responses.prior_n, %d)' % n
        ) }} as last_{{ n }}_correct_rate,
    {%- endfor %}
    {%- for name in spans %}
    responses.prior_{{ name }}_n,
    {%- endfor %}
    coalesce(skills.prior_n, 0e0) as skill_prior_n,
    coalesce(skills.prior_correct_rate, {{ smoothed_rate('0', '0') }})
        as skill_prior_correct_rate,
    {%- for n in (3, 10) %}
    coalesce(skills.last_{{ n }}_correct_rate, {{ smoothed_rate('0', '0') }})
        as skill_last_{{ n }}_correct_rate,
    {%- endfor %}
    {%- for name in spans %}
    coalesce(skills.prior_{{ name }}_n, 0e0) as skill_prior_{{ name }}_n,
    coalesce(skills.prior_{{ name }}_n_correct, 0e0)
        as skill_prior_{{ name }}_n_correct,
    {%- endfor %}
    skills.answers_since as answers_since_skill,
    -- between places of an order lies no time
    case when not datasets.time_is_order then skills.seconds_since end
        as seconds_since_skill,
    responses.item_prior_n,
    {{ smoothed_rate('responses.item_prior_n_correct', 'responses.item_prior_n') }}
        as item_prior_correct_rate,
    case
        when not datasets.time_is_order
            then responses.ts_epoch - responses.prior_ts_epoch
    end as seconds_since_previous,
    responses.prior_n_help / cast(nullif(responses.prior_n, 0) as double)
        as prior_help_rate,
    responses.prior_latency_us / (1e6 * nullif(responses.prior_n_latencies, 0))
        as prior_latency_sec

from responses

inner join users on responses.user_number = users.user_number

inner join datasets on users.dataset = datasets.dataset

left join skills
    on
        responses.user_number = skills.user_number
        and responses.response_id = skills.response_id

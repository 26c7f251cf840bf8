{{ config(materialized='view') }}
-- One row per response that asks for skills: what its user had done on them before, in
-- strictly earlier seconds; means over the skills.
{%- set rates = ['prior_correct_rate', 'last_3_correct_rate', 'last_10_correct_rate'] %}
{%- set counts = [] %}
{%- for span in time_spans() %}
{%- do counts.extend(['prior_' ~ span ~ '_n', 'prior_' ~ span ~ '_n_correct']) %}
{%- endfor %}
-- most ask for one: groups of one row cost more than the windows that they are made of
select
    response_id,
    user_number,
    cast(prior_n as double) as prior_n,
    {%- for rate in rates %}
    {{ exact_mean_of_one(rate) }} as {{ rate }},
    {%- endfor %}
    {%- for count in counts %}
    cast({{ count }} as double) as {{ count }},
    {%- endfor %}
    answers_since,
    seconds_since

from {{ ref('int_skills_followed') }}

where n_skills = 1

union all

select
    response_id,
    user_number,
    avg(prior_n) as prior_n,
    {%- for rate in rates %}
    {{ exact_mean(rate) }} as {{ rate }},
    {%- endfor %}
    {%- for count in counts %}
    avg({{ count }}) as {{ count }},
    {%- endfor %}
    min(answers_since) as answers_since,
    min(seconds_since) as seconds_since

from {{ ref('int_skills_followed') }}

where n_skills > 1

group by user_number, response_id

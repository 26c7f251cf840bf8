{{ config(materialized='view') }}
-- One row per response: what its user did before, in strictly earlier seconds. Answers
-- of one second see what the first of them sees; most are alone in theirs.
{%- set of_user = ['prior_ts_epoch', 'prior_n', 'prior_n_correct'] %}
{%- do of_user.extend(['last_5_n_correct', 'last_20_n_correct']) %}
{%- for span in time_spans() %}
{%- do of_user.append('prior_' ~ span ~ '_n') %}
{%- endfor %}
{%- do of_user.extend(['prior_n_help', 'prior_n_latencies', 'prior_latency_us']) %}
select
    response_id,
    user_number,
    ts_epoch,
    {%- for column in of_user %}
    {{ column }},
    {%- endfor %}
    item_prior_n,
    item_prior_n_correct

from {{ ref('int_responses_in_order') }}

where is_first_of_second

union all

select
    others.response_id,
    others.user_number,
    others.ts_epoch,
    {%- for column in of_user %}
    firsts.{{ column }},
    {%- endfor %}
    others.item_prior_n,
    others.item_prior_n_correct

from {{ ref('int_responses_in_order') }} as firsts

inner join {{ ref('int_responses_in_order') }} as others
    on
        firsts.user_number = others.user_number
        and firsts.ts_epoch = others.ts_epoch

where
    firsts.is_first_of_second
    and not others.is_first_of_second

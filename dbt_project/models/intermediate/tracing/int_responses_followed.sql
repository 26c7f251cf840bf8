-- One row per response: what its user did before, in strictly earlier seconds.
{%- set user, item = 'user_number', 'user_number, item_id' %}
{%- set n, n_correct = 'count(*)', 'count(case when correct then 1 end)' %}
-- hours that answers are counted over, as DAS3H's (Choffin et al., EDM 2019)
{% set spans = {"hour": 1, "day": 24, "week": 168, "month": 720} %}
with

responses as (

    select
        *,
        -- whole microseconds add up to the same sum in any order
        coalesce(cast(floor(latency_sec * 1e6 + 0.5) as bigint), 0) as latency_us

    from {{ ref('int_responses') }}

),

responses_counted as (

    select
        response_id,
        user_number,
        item_id,
        skill_list_number,
        correct,
        ts_epoch,
        {{ in_earlier_seconds(n, user) }} as prior_n,
        {{ in_earlier_seconds(n_correct, user) }} as prior_n_correct,
        {%- for name, hours in spans.items() %}
        count(*) over (
            partition by user_number
            order by ts_epoch
            range between {{ hours * 3600 }} preceding and current row
        ) as n_in_{{ name }},
        {%- endfor %}
        -- right ones among all but the last 5 and 20: what is left of the sum is theirs
        {%- for n in (5, 20) %}
        count(case when correct then 1 end) over (
            partition by user_number
            order by ts_epoch, response_id
            rows between unbounded preceding and {{ n + 1 }} preceding
        ) as n_correct_before_last_{{ n }},
        {%- endfor %}
        count(*) over (
            partition by user_number
            order by ts_epoch
            range between unbounded preceding and current row
        ) as n_until,
        lag(ts_epoch) over (
            partition by user_number
            order by ts_epoch, response_id
        ) as ts_epoch_before,
        {{ in_earlier_seconds('count(case when help_before then 1 end)', user) }}
            as prior_n_help,
        {{ in_earlier_seconds('sum(latency_us)', user) }} as prior_latency_us,
        {{ in_earlier_seconds('count(latency_sec)', user) }} as prior_n_latencies,
        {{ in_earlier_seconds(n, item) }} as item_prior_n,
        {{ in_earlier_seconds(n_correct, item) }} as item_prior_n_correct

    from responses

)

select
    *,
    -- the smallest of a second is its first response's, whose last ones are earlier
    {%- for n in (5, 20) %}
    prior_n_correct - min(n_correct_before_last_{{ n }}) over same_second
        as last_{{ n }}_n_correct,
    {%- endfor %}
    {%- for name in spans %}
    n_in_{{ name }} - (n_until - prior_n) as prior_{{ name }}_n,
    {%- endfor %}
    -- the first second has none before
    nullif(min(ts_epoch_before) over same_second, ts_epoch) as prior_ts_epoch

from responses_counted

window same_second as (
    partition by user_number
    order by ts_epoch
    range between current row and current row
)

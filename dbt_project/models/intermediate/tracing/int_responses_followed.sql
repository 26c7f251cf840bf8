-- One row per response: what its user did before, in strictly earlier seconds.
-- hours that answers are counted over, as DAS3H's (Choffin et al., EDM 2019)
{% set spans = {"hour": 1, "day": 24, "week": 168, "month": 720} %}
with

responses as (

    select * from {{ ref('int_responses') }}

),

responses_counted as (

    select
        response_id,
        user_number,
        item_id,
        skill_list_number,
        correct,
        ts_epoch,
        count(*) over user_before as prior_n,
        count(case when correct then 1 end) over user_before as prior_n_correct,
        {%- for name, hours in spans.items() %}
        count(*) over (
            partition by user_number
            order by ts_epoch
            range between {{ hours * 3600 }} preceding and 1 preceding
        ) as prior_{{ name }}_n,
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
        count(case when help_before then 1 end) over user_before as prior_n_help,
        last_value(ts_epoch) over user_before as prior_ts_epoch,
        -- whole microseconds add up to the same sum in any order
        sum(cast(floor(latency_sec * 1e6 + 0.5) as bigint)) over user_before
            as prior_latency_us,
        count(latency_sec) over user_before as prior_n_latencies,
        count(*) over item_before as item_prior_n,
        count(case when correct then 1 end) over item_before as item_prior_n_correct

    from responses

    window
        user_before as (
            partition by user_number
            order by ts_epoch
            range between unbounded preceding and 1 preceding
        ),
        item_before as (
            partition by user_number, item_id
            order by ts_epoch
            range between unbounded preceding and 1 preceding
        )

)

select
    *,
{%- for n in (5, 20) %}
-- the smallest of a second is its first response's, whose last ones are earlier
prior_n_correct - min(n_correct_before_last_{{ n }}) over same_second
    as last_{{ n }}_n_correct{{ "," if not loop.last }}
{%- endfor %}

from responses_counted

window same_second as (
    partition by user_number
    order by ts_epoch
    range between current row and current row
)

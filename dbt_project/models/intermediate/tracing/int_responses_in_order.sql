-- One row per response: what its user had done before it, answer by answer. A second is
-- shared by few; that they do not see each other is `int_responses_followed`'s to say.
{%- set spans = time_spans() %}
-- more than anybody's answers; products stay exact in a double
{% set shift = 67108864 %}
with

responses as (

    select
        response_id,
        user_number,
        skill_list_number,
        correct,
        ts_epoch,
        item_prior_n,
        item_prior_n_correct,
        -- two counts in one number, so that one window sums both
        case when help_before then 1 else 0 end
        + case when latency_sec is null then 0 else {{ shift }} end as tally,
        -- whole microseconds add up to the same sum in any order
        coalesce(cast(floor(latency_sec * 1e6 + 0.5) as bigint), 0) as latency_us

    from {{ ref('int_responses') }}

),

-- one sort for all of them: those on seconds alone go with the order of the others
responses_counted as (

    select
        *,
        lag(ts_epoch) over (
            partition by user_number
            order by ts_epoch, response_id
        ) as ts_epoch_before,
        rank() over (
            partition by user_number
            order by ts_epoch
        ) - 1 as prior_n,
        count(*) over (
            partition by user_number
            order by ts_epoch
            range between unbounded preceding and current row
        ) as n_until,
        {%- for n in (5, 20) %}
        count(case when correct then 1 end) over (
            partition by user_number
            order by ts_epoch, response_id
            rows between {{ n }} preceding and 1 preceding
        ) as last_{{ n }}_n_correct,
        {%- endfor %}
        {%- for name, hours in spans.items() %}
        count(*) over (
            partition by user_number
            order by ts_epoch
            range between {{ hours * 3600 }} preceding and current row
        ) as n_in_{{ name }},
        {%- endfor %}
        count(case when correct then 1 end) over user_before as prior_n_correct,
        cast(sum(tally) over user_before as bigint) as prior_tally,
        cast(sum(latency_us) over user_before as bigint) as prior_latency_us

    from responses

    window user_before as (
        partition by user_number
        order by ts_epoch, response_id
        rows between unbounded preceding and 1 preceding
    )

)

select
    response_id,
    user_number,
    skill_list_number,
    correct,
    ts_epoch,
    coalesce(ts_epoch_before <> ts_epoch, true) as is_first_of_second,
    ts_epoch_before as prior_ts_epoch,
    n_until,
    cast(prior_n as bigint) as prior_n,
    prior_n_correct,
    {%- for n in (5, 20) %}
    last_{{ n }}_n_correct,
    {%- endfor %}
    {%- for name in spans %}
    n_in_{{ name }} - (n_until - prior_n) as prior_{{ name }}_n,
    {%- endfor %}
    coalesce(prior_tally, 0) % {{ shift }} as prior_n_help,
    cast(floor(coalesce(prior_tally, 0) / {{ shift }}e0) as bigint)
        as prior_n_latencies,
    coalesce(prior_latency_us, 0) as prior_latency_us,
    cast(item_prior_n as bigint) as item_prior_n,
    item_prior_n_correct

from responses_counted

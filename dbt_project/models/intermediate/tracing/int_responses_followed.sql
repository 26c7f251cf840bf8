-- One row per response: what its user did before, in strictly earlier seconds.
{%- set n_correct = 'count(case when correct then 1 end)' %}
{%- set spans = time_spans() %}
-- more than anybody's answers; products stay exact in a double
{% set shift = 67108864 %}
with

responses as (

    select
        response_id,
        user_number,
        item_id,
        skill_list_number,
        correct,
        ts_epoch,
        -- two counts in one number, so that one window sums both
        case when help_before then 1 else 0 end
        + case when latency_sec is null then 0 else {{ shift }} end as tally,
        -- whole microseconds add up to the same sum in any order
        coalesce(cast(floor(latency_sec * 1e6 + 0.5) as bigint), 0) as latency_us

    from {{ ref('int_responses') }}

),

-- What the order of single answers tells. Counted apart, so that the first of a second
-- can tell the others; the fewer columns each sort carries, the better.
responses_ordered as (

    select
        *,
        lag(ts_epoch) over user_timeline as ts_epoch_before,
        {%- for n in (5, 20) %}
        {{ n_correct }} over (
            partition by user_number
            order by ts_epoch, response_id
            rows between {{ n }} preceding and 1 preceding
        ) as n_correct_of_{{ n }}_before,
        {%- endfor %}
        rank() over (
            partition by user_number, item_id
            order by ts_epoch
        ) - 1 as item_prior_n,
        {{ in_earlier_seconds(n_correct, 'user_number, item_id') }}
            as item_prior_n_correct

    from responses

    window user_timeline as (
        partition by user_number
        order by ts_epoch, response_id
    )

),

responses_counted as (

    select
        response_id,
        user_number,
        skill_list_number,
        correct,
        ts_epoch,
        item_prior_n,
        item_prior_n_correct,
        count(*) over until_now as n_until,
        count(*) over this_second as n_now,
        {{ in_earlier_seconds(n_correct, 'user_number') }} as prior_n_correct,
        {%- for n in (5, 20) %}
        {{ of_first_of_second('n_correct_of_%d_before' % n) }}
            as last_{{ n }}_n_correct,
        {%- endfor %}
        {%- for name in spans %}
        count(*) over last_{{ name }} as n_in_{{ name }},
        {%- endfor %}
        {{ of_first_of_second('ts_epoch_before') }} as prior_ts_epoch,
        {{ in_earlier_seconds('sum(tally)', 'user_number') }} as prior_tally,
        {{ in_earlier_seconds('sum(latency_us)', 'user_number') }} as prior_latency_us

    from responses_ordered

    window
        until_now as (
            partition by user_number
            order by ts_epoch
            range between unbounded preceding and current row
        ),
        this_second as (
            partition by user_number
            order by ts_epoch
            range between current row and current row
        ),
    {%- for name, hours in spans.items() %}
    last_{{ name }} as (
        partition by user_number
        order by ts_epoch
        range between {{ hours * 3600 }} preceding and current row
    ){{ "," if not loop.last }}
    {%- endfor %}

)

select
    response_id,
    user_number,
    skill_list_number,
    correct,
    ts_epoch,
    n_until,
    n_until - n_now as prior_n,
    prior_n_correct,
    last_5_n_correct,
    last_20_n_correct,
    {%- for name in spans %}
    n_in_{{ name }} - n_now as prior_{{ name }}_n,
    {%- endfor %}
    prior_ts_epoch,
    cast(prior_tally % {{ shift }} as bigint) as prior_n_help,
    cast(prior_latency_us as bigint) as prior_latency_us,
    cast(floor(prior_tally / {{ shift }}e0) as bigint) as prior_n_latencies,
    cast(item_prior_n as bigint) as item_prior_n,
    item_prior_n_correct

from responses_counted

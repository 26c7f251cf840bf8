{{ config(post_hook="{{ warn_of_findings(this) }}") }}
-- One row per causal data set and finding: what no estimate may pass over in silence.
{%- set events = ref('int_causal_events_checked') -%}
{%- set trials = ref('causal_trials') %}
{%- set sessions = ref('causal_sessions') %}
{#- finding, relation, condition, how many rows call for a warning -#}
{%- set findings = [
    ('clicks', events, 'event_id = 2', '= 0'),
    ('purchases', events, 'event_id = 3', '= 0'),
    ('clicks on products never shown before', events, 'is_click_unseen', '> 0'),
    ('events before the first auction', events, 'is_before_auctions', '> 0'),
    ('impressions, clicks or purchases without a product', events, 'has_no_product',
        '> 0'),
    ('sessions', sessions, 'true', '= 0'),
    ('sessions with an empty history', sessions, 'sequence_length = 0', '< 0'),
    ('trials', trials, 'true', '= 0'),
    ('treated trials', trials, 'treatment', '= 0'),
    ('censored trials', trials, 'censored', '< 0'),
    ('trials of products that no train user met', trials, 'item_id = 2', '< 0'),
] %}
with

event_types as (

    select
        *,
        not is_kept
        or event_type not in ('auction', 'impression', 'click', 'purchase')
            as is_unknown

    from {{ ref('int_event_types') }}

    where family = 'causal'

),

unknown_types_named as (

    select
        dataset,
        cast(sum(case when is_unknown then n_events else 0 end) as bigint) as n_rows,
        {{ texts_joined('case when is_unknown then event_type end') }} as names

    from event_types

    group by dataset

),

findings_counted as (

    {% for finding, relation, condition, warns in findings %}
    select
        dataset,
        {{ loop.index }} as finding_number,
        count(*) as n_rows,
        count(distinct user_id) as n_users

    from {{ relation }}

    where {{ condition }}

    group by dataset
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

)

select
    dataset,
    0 as finding_number,
    'events of unknown types, not used' as finding,
    n_rows,
    cast(null as bigint) as n_users,
    names,
    n_rows > 0 as is_warning

from unknown_types_named

{% for finding, relation, condition, warns in findings %}
union all

select
    unknown_types_named.dataset,
    {{ loop.index }} as finding_number,
    '{{ finding }}' as finding,
    coalesce(findings_counted.n_rows, 0) as n_rows,
    coalesce(findings_counted.n_users, 0) as n_users,
    cast(null as string) as names,
    coalesce(findings_counted.n_rows, 0) {{ warns }} as is_warning

from unknown_types_named

left join findings_counted
    on
        unknown_types_named.dataset = findings_counted.dataset
        and findings_counted.finding_number = {{ loop.index }}
{% endfor %}

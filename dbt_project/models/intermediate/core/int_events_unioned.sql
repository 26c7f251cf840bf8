{{ config(materialized='view') }}
-- One row per staged event of every data set. A new data set is one line here.
{%- set staged = [
    'stg_xuetangx__events',
    'stg_mars__ratings',
    'stg_ad_events__events',
    'stg_edm_cup_2023__events',
    'stg_assistments_2009__answers',
    'stg_own__events',
    'stg_own__answers',
] %}

{% for model in staged %}
select
    dataset,
    user_id,
    item_key,
    event_type,
    event_at,
    platform_session

from {{ ref(model) }}
{% if not loop.last %}
union all
{% endif %}
{% endfor %}

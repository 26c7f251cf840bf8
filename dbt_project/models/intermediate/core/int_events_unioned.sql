{{ config(materialized='view') }}
-- One row per staged event of every data set. A new data set is one line here.
{%- set staged = [
    ('stg_xuetangx__events', 'platform_session'),
    ('stg_mars__ratings', 'cast(null as string)'),
    ('stg_ad_events__events', 'cast(null as string)'),
    ('stg_edm_cup_2023__actions', 'platform_session'),
    ('stg_assistments_2009__answers', 'cast(null as string)'),
    ('stg_own__events', 'platform_session'),
    ('stg_own__answers', 'platform_session'),
] %}

{% for model, platform_session in staged %}
select
    dataset,
    user_id,
    item_key,
    event_type,
    event_at,
    {{ platform_session }} as platform_session

from {{ ref(model) }}
{% if not loop.last %}
union all
{% endif %}
{% endfor %}

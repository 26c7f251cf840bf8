-- One row per kept session with its reliability.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

caps as (

    select * from {{ ref('int_reliability_caps') }}

),

items as (

    select * from {{ ref('int_items') }}

),

components_computed as (

    select
        sessions.*,
        {{ capped_share('sessions.n_events', 'caps.intensity_cap') }} as intensity,
        {{ capped_share('sessions.duration_sec', 'caps.duration_cap_sec') }} as extent,
        case caps.composition_of
            when 'event_types' then {{
                capped_share('sessions.n_action_types', 'caps.composition_cap')
            }}
            else {{ capped_share('sessions.n_items', 'caps.composition_cap') }}
        end as composition,
        caps.intensity_weight,
        caps.extent_weight,
        caps.composition_weight,
        caps.total_weight

    from sessions

    inner join caps on sessions.dataset = caps.dataset

),

reliability_computed as (

    select
        *,
        (
            intensity_weight * intensity
            + extent_weight * extent
            + composition_weight * composition
        ) / total_weight as reliability

    from components_computed

)

select
    reliability_computed.dataset,
    reliability_computed.session_id,
    reliability_computed.user_id,
    reliability_computed.split,
    reliability_computed.start_ts_epoch,
    reliability_computed.end_ts_epoch,
    reliability_computed.duration_sec,
    reliability_computed.n_events,
    reliability_computed.n_action_types,
    reliability_computed.n_items,
    items.item_key as main_item_key,
    reliability_computed.intensity,
    reliability_computed.extent,
    reliability_computed.composition,
    reliability_computed.reliability,
    case
        when reliability_computed.reliability < 0.33 then 'low'
        when reliability_computed.reliability < 0.66 then 'medium'
        else 'high'
    end as reliability_tier

from reliability_computed

left join items on reliability_computed.main_item_number = items.item_number

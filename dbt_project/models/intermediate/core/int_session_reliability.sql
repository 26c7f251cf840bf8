-- One row per kept session with its reliability and the three parts of it.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

caps as (

    select * from {{ ref('int_reliability_caps') }}

),

parts_computed as (

    select
        sessions.user_number,
        sessions.session_number,
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

)

select
    user_number,
    session_number,
    intensity,
    extent,
    composition,
    (
        intensity_weight * intensity
        + extent_weight * extent
        + composition_weight * composition
    ) / total_weight as reliability

from parts_computed

{#- Which stretch of a user's time something lies in: two columns that hold for an event
    and for an answer alike, so that both are found in the same session.

    A stretch of time as long as the gap limit lies within one session, so its number
    tells the session. Where the platform says what a session is, a session is one
    stretch, and everything must be in one. Else the platform's is null: of millions of
    events, empty texts would cost more to write than any number.

    Args:
        at: moment of the event or answer.
        platform_session: the platform's own session of it, null where it has none.
        rules: relation with the data set's `dataset`, `session_method` and
            `session_gap_sec`. -#}
{% macro stretch_of(at, platform_session, rules) -%}
    case
        when {{ rules }}.session_method = 'platform' then 0
        else cast(
            floor({{ epoch_seconds(at) }} / {{ rules }}.session_gap_sec) as bigint
        )
    end as stretch,
    case
        when {{ rules }}.session_method <> 'platform' then null
        when {{ platform_session }} <> '' then {{ platform_session }}
        else {{ error_of(
            "'datasets: ' || " ~ rules ~ ".dataset || ': session_method is platform,"
            ~ " but its log names no session of the platform; use gap'"
        ) }}
    end as platform_session
{%- endmacro %}

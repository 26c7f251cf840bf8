{#- Number of the stretch of time, as long as the gap limit, that an event lies in;
    0 for an event of a platform session. Expects `events` and `users`. -#}
{% macro stretch_number() -%}
    case
        when users.session_method = 'gap'
            then cast(floor(events.ts_epoch / users.session_gap_sec) as bigint)
        else 0
    end
{%- endmacro %}

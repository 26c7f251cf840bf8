{#- min(value / cap, 1); a cap of 0 (or none, where no train session gives one) is 0. -#}
{% macro capped_share(value, cap) -%}
    case
        when {{ cap }} > 0 then least({{ value }} / {{ cap }}, 1.0)
        else 0.0
    end
{%- endmacro %}

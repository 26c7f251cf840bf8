{#- Seconds from one timestamp to a later one, with parts of a second. -#}
{% macro seconds_between(earlier, later) -%}
    {{ adapter.dispatch('seconds_between', 'moocmeta')(earlier, later) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000.0
{%- endmacro %}

{% macro spark__seconds_between(earlier, later) -%}
    (
        unix_micros(cast({{ later }} as timestamp_ltz))
        - unix_micros(cast({{ earlier }} as timestamp_ltz))
    ) / 1e6
{%- endmacro %}

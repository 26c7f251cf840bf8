{#- Whole seconds since 1970, rounded down; never milli- or nanoseconds. -#}
{% macro epoch_seconds(timestamp) -%}
    {{ adapter.dispatch('epoch_seconds', 'moocmeta')(timestamp) }}
{%- endmacro %}

{% macro default__epoch_seconds(timestamp) -%}
    cast(floor(epoch_us({{ timestamp }}) / 1000000) as bigint)
{%- endmacro %}

{% macro spark__epoch_seconds(timestamp) -%}
    unix_seconds(cast({{ timestamp }} as timestamp_ltz))
{%- endmacro %}

{#- A timestamp so many whole seconds later. -#}
{% macro add_seconds(timestamp, seconds) -%}
    {{ adapter.dispatch('add_seconds', 'moocmeta')(timestamp, seconds) }}
{%- endmacro %}

{% macro default__add_seconds(timestamp, seconds) -%}
    {{ timestamp }} + to_seconds({{ seconds }})
{%- endmacro %}

{% macro spark__add_seconds(timestamp, seconds) -%}
    {{ timestamp }} + make_dt_interval(0, 0, 0, {{ seconds }})
{%- endmacro %}

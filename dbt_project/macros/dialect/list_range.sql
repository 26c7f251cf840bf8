{#- The places of a list's values, from 0: 0, 1, …, length − 1. -#}
{% macro list_range(values) -%}
    {{ adapter.dispatch('list_range', 'moocmeta')(values) }}
{%- endmacro %}

{% macro default__list_range(values) -%} range(len({{ values }})) {%- endmacro %}

{% macro spark__list_range(values) -%}
    transform({{ values }}, (value, place) -> cast(place as bigint))
{%- endmacro %}

{#- The value of a list at a place, from 1; -1 is the last. -#}
{% macro list_value(values, place) -%}
    {{ adapter.dispatch('list_value', 'moocmeta')(values, place) }}
{%- endmacro %}

{% macro default__list_value(values, place) -%} {{ values }}[{{ place }}] {%- endmacro %}

{% macro spark__list_value(values, place) -%}
    try_element_at({{ values }}, {{ place }})
{%- endmacro %}

{#- What models and tests ask of a list; every place counts from 1. -#}

{#- Number of values. -#}
{% macro list_length(list) -%}
    {{ adapter.dispatch('list_length', 'moocmeta')(list) }}
{%- endmacro %}

{% macro default__list_length(list) -%} len({{ list }}) {%- endmacro %}

{% macro spark__list_length(list) -%} size({{ list }}) {%- endmacro %}


{#- The value at a place; -1 is the last. -#}
{% macro list_value(list, place) -%}
    {{ adapter.dispatch('list_value', 'moocmeta')(list, place) }}
{%- endmacro %}

{% macro default__list_value(list, place) -%} {{ list }}[{{ place }}] {%- endmacro %}

{% macro spark__list_value(list, place) -%}
    try_element_at({{ list }}, {{ place }})
{%- endmacro %}


{#- In a select: one row for each value. -#}
{% macro list_rows(list) -%}
    {{ adapter.dispatch('list_rows', 'moocmeta')(list) }}
{%- endmacro %}

{% macro default__list_rows(list) -%} unnest({{ list }}) {%- endmacro %}

{% macro spark__list_rows(list) -%} explode({{ list }}) {%- endmacro %}

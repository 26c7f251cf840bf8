{#- A list of a type without a value. -#}
{% macro empty_list(type) -%}
    {{ adapter.dispatch('empty_list', 'moocmeta')(type) }}
{%- endmacro %}

{% macro default__empty_list(type) -%} cast([] as {{ type }}[]) {%- endmacro %}

{% macro spark__empty_list(type) -%}
    cast(array() as {{ type_name(type ~ '[]') }})
{%- endmacro %}

{#- The smallest value of a list. -#}
{% macro list_min(values) -%}
    {{ adapter.dispatch('list_min', 'moocmeta')(values) }}
{%- endmacro %}

{% macro default__list_min(values) -%} list_min({{ values }}) {%- endmacro %}

{% macro spark__list_min(values) -%} array_min({{ values }}) {%- endmacro %}

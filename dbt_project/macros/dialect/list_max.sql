{#- The greatest value of a list. -#}
{% macro list_max(values) -%}
    {{ adapter.dispatch('list_max', 'moocmeta')(values) }}
{%- endmacro %}

{% macro default__list_max(values) -%} list_max({{ values }}) {%- endmacro %}

{% macro spark__list_max(values) -%} array_max({{ values }}) {%- endmacro %}

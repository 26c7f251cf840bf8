{#- How many values a list has. -#}
{% macro list_length(values) -%}
    {{ adapter.dispatch('list_length', 'moocmeta')(values) }}
{%- endmacro %}

{% macro default__list_length(values) -%} len({{ values }}) {%- endmacro %}

{% macro spark__list_length(values) -%} size({{ values }}) {%- endmacro %}

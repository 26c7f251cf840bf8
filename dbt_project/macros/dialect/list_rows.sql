{#- In a select: one row for each value of a list. -#}
{% macro list_rows(values) -%}
    {{ adapter.dispatch('list_rows', 'moocmeta')(values) }}
{%- endmacro %}

{% macro default__list_rows(values) -%} unnest({{ values }}) {%- endmacro %}

{% macro spark__list_rows(values) -%} explode({{ values }}) {%- endmacro %}

{#- An aggregate: the distinct values in ascending order as a list; nulls are left out. -#}
{% macro sorted_set(expression) -%}
    {{ adapter.dispatch('sorted_set', 'moocmeta')(expression) }}
{%- endmacro %}

{% macro default__sorted_set(expression) -%}
    coalesce(
        list_sort(
            list(distinct {{ expression }}) filter (where {{ expression }} is not null)
        ), []
    )
{%- endmacro %}

{% macro spark__sorted_set(expression) -%}
    array_sort(collect_set({{ expression }}))
{%- endmacro %}

{#- The values of a group as a list, in a total order. -#}
{% macro list_in_order(expression, order) -%}
    {{ adapter.dispatch('list_in_order', 'moocmeta')(expression, order) }}
{%- endmacro %}

{% macro default__list_in_order(expression, order) -%}
    list({{ expression }} order by {{ order }})
{%- endmacro %}

{% macro spark__list_in_order(expression, order) -%}
    transform(
        array_sort(collect_list(struct({{ order }} as place, {{ expression }} as value))),
        pair -> pair.value
    )
{%- endmacro %}

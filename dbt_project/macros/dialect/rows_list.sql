{#- An aggregate: several columns of a group's rows as one ordered list; `column_of`
    takes a column out of it again. One sort serves them all. -#}
{% macro rows_list(columns, order_by) -%}
    {{ adapter.dispatch('rows_list', 'moocmeta')(columns, order_by) }}
{%- endmacro %}

{% macro default__rows_list(columns, order_by) -%}
    list(struct_pack({% for column in columns -%}
        {{ column }} := {{ column }}{{ ", " if not loop.last }}
    {%- endfor %}) order by {{ order_by }})
{%- endmacro %}


{% macro column_of(rows, column) -%}
    {{ adapter.dispatch('column_of', 'moocmeta')(rows, column) }}
{%- endmacro %}

{% macro default__column_of(rows, column) -%}
    list_transform({{ rows }}, lambda answer: answer.{{ column }})
{%- endmacro %}

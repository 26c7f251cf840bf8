{#- An aggregate: several columns of a group's rows as one list, in order of the first
    column, which must not repeat in a group. `column_of` takes a column out of it again.

    Sorted when it is whole: an ordered aggregate of 5 million rows needs over 3 GB. -#}
{% macro rows_list(columns) -%}
    {{ adapter.dispatch('rows_list', 'moocmeta')(columns) }}
{%- endmacro %}

{% macro default__rows_list(columns) -%}
    list_sort(list(struct_pack({% for column in columns -%}
        {{ column }} := {{ column }}{{ ", " if not loop.last }}
    {%- endfor %})))
{%- endmacro %}

{% macro spark__rows_list(columns) -%}
    array_sort(collect_list(struct({{ columns | join(", ") }})))
{%- endmacro %}


{% macro column_of(rows, column) -%}
    {{ adapter.dispatch('column_of', 'moocmeta')(rows, column) }}
{%- endmacro %}

{% macro default__column_of(rows, column) -%}
    list_transform({{ rows }}, lambda answer: answer.{{ column }})
{%- endmacro %}

{% macro spark__column_of(rows, column) -%}
    transform({{ rows }}, answer -> answer.{{ column }})
{%- endmacro %}


{#- The same, each value replaced by the entry of a list at its place, from 1. -#}
{% macro entries_of(rows, column, entries) -%}
    {{ adapter.dispatch('entries_of', 'moocmeta')(rows, column, entries) }}
{%- endmacro %}

{% macro default__entries_of(rows, column, entries) -%}
    list_transform({{ rows }}, lambda answer: {{ entries }}[answer.{{ column }}])
{%- endmacro %}

{% macro spark__entries_of(rows, column, entries) -%}
    transform({{ rows }}, answer -> element_at({{ entries }}, cast(answer.{{ column }} as int)))
{%- endmacro %}

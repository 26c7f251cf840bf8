{#- Columns of the row that a key points at, as one struct; null where it points at none.

    As a join would, but the row is always what is kept in memory, never the rows that
    ask: DuckDB does not look into a text file, takes it for a few dozen rows, and would
    keep all of its millions to let the smaller side pass by.

    Args:
        relation: no two rows of it have one key.
        key: its column.
        value: what is looked for.
        columns: of the relation. -#}
{% macro row_of(relation, key, value, columns) -%}
    {{ adapter.dispatch('row_of', 'moocmeta')(relation, key, value, columns) }}
{%- endmacro %}

{% macro default__row_of(relation, key, value, columns) -%}
    (
        select struct_pack({% for column in columns -%}
            {{ column }} := found.{{ column }}{{ ", " if not loop.last }}
        {%- endfor %})
        from {{ relation }} as found
        where found.{{ key }} = {{ value }}
    )
{%- endmacro %}

{#- Spark takes such a query only with an aggregate. -#}
{% macro spark__row_of(relation, key, value, columns) -%}
    (
        select max(struct({% for column in columns -%}
            found.{{ column }}{{ ", " if not loop.last }}
        {%- endfor %}))
        from {{ relation }} as found
        where found.{{ key }} = {{ value }}
    )
{%- endmacro %}

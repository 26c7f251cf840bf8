{#- In a select: one row for each place of several lists of one length.

    Args:
        lists: name of the row's value → list. -#}
{% macro lists_rows(lists) -%}
    {{ adapter.dispatch('lists_rows', 'moocmeta')(lists) }}
{%- endmacro %}

{% macro default__lists_rows(lists) -%}
    {% for name, values in lists.items() -%}
        unnest({{ values }}) as {{ name }}{{ ", " if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro spark__lists_rows(lists) -%}
    inline(arrays_zip({{ lists.values() | join(", ") }}))
    as ({{ lists.keys() | join(", ") }})
{%- endmacro %}

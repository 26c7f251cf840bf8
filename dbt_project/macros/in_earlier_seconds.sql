{#- A count, or a sum of whole numbers, over a group's rows of strictly earlier seconds: all
    until the second's end less its own. A frame that ends `1 preceding` says the same, but
    DuckDB walks to its end from the row, which takes the square of the rows of one user.

    Args:
        aggregate: of no nulls.
        keys: the group. -#}
{% macro in_earlier_seconds(aggregate, keys) -%}
    {{ aggregate }} over (
        partition by {{ keys }}
        order by ts_epoch
        range between unbounded preceding and current row
    ) - {{ aggregate }} over (
        partition by {{ keys }}
        order by ts_epoch
        range between current row and current row
    )
{%- endmacro %}

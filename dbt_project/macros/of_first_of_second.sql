{#- What the first of a user's answers of one second has in a column, for all of them: of
    all others `ts_epoch_before` is this second. -#}
{% macro of_first_of_second(value, keys) -%}
    max(case when ts_epoch_before is distinct from ts_epoch then {{ value }} end) over (
        partition by {{ keys }}
        order by ts_epoch
        range between current row and current row
    )
{%- endmacro %}

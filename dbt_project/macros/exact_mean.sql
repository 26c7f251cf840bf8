{#- An aggregate: the mean of numbers between -1 and 1, in steps of 1e-13. Sums of doubles
    depend on the order, those of whole numbers on nothing, on any engine. -#}
{% macro exact_mean(value) -%}
    cast(sum(cast(floor({{ value }} * 1e13 + 0.5) as decimal(38, 0))) as double)
    / 1e13 / count({{ value }})
{%- endmacro %}

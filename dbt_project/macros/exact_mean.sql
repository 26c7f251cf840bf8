{#- An aggregate: the mean of numbers between 0 and 1, to the last bit the same in any
    order and on any engine. A sum of doubles depends on their order, one of whole numbers
    on nothing; so each number is taken apart into the upper 26 and the lower 27 of its
    first 53 binary places. -#}
{% macro exact_mean(value) -%}
    {%- set upper = "floor(" ~ value ~ " * 67108864e0)" -%}
    {%- set lower = "floor((" ~ value ~ " * 67108864e0 - " ~ upper ~ ") * 134217728e0)" -%}
    (
        cast(sum(cast({{ upper }} as bigint)) as double) / 67108864e0
        + cast(sum(cast({{ lower }} as bigint)) as double) / 9007199254740992e0
    ) / count({{ value }})
{%- endmacro %}


{#- What `exact_mean` says of one number alone, without an aggregate. -#}
{% macro exact_mean_of_one(value) -%}
    floor({{ value }} * 9007199254740992e0) / 9007199254740992e0
{%- endmacro %}

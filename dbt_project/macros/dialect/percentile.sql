{#- An aggregate: the value below which `share` of the others lie, between two of them in
    proportion. None may be null. -#}
{% macro percentile(value, share) -%}
    {{ adapter.dispatch('percentile', 'moocmeta')(value, share) }}
{%- endmacro %}

{% macro default__percentile(value, share) -%}
    percentile_cont({{ share }}) within group (order by {{ value }})
{%- endmacro %}

{#- Spark's own function interpolates by low + (high - low) * part, DuckDB's as below: their
    last bits differ. The list in a list gives the sorted values a name. -#}
{% macro spark__percentile(value, share) -%}
    {%- set place = "(size(v) - 1) * cast(" ~ share ~ " as double)" -%}
    {%- set part = "(" ~ place ~ " - floor(" ~ place ~ "))" -%}
    transform(
        array(array_sort(collect_list(cast({{ value }} as double)))),
        v -> v[cast(floor({{ place }}) as int)] * (1e0 - {{ part }})
            + v[cast(ceil({{ place }}) as int)] * {{ part }}
    )[0]
{%- endmacro %}

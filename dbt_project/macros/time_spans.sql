{#- Hours that earlier answers are counted over, by name, as DAS3H's (Choffin et al.,
    EDM 2019). -#}
{% macro time_spans() -%}
    {{ return({"hour": 1, "day": 24, "week": 168, "month": 720}) }}
{%- endmacro %}

{#- The latest of a list of moments that lies strictly before a moment, else null. -#}
{% macro latest_before(moments, moment) -%}
    {{ adapter.dispatch('latest_before', 'moocmeta')(moments, moment) }}
{%- endmacro %}

{% macro default__latest_before(moments, moment) -%}
    list_max(list_filter({{ moments }}, lambda earlier: earlier < {{ moment }}))
{%- endmacro %}

{% macro spark__latest_before(moments, moment) -%}
    array_max(filter({{ moments }}, earlier -> earlier < {{ moment }}))
{%- endmacro %}

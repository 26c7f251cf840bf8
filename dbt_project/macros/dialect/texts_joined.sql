{#- The texts of a group, byte-wise sorted, as one text with commas; nulls left out. -#}
{% macro texts_joined(text) -%}
    {{ adapter.dispatch('texts_joined', 'moocmeta')(text) }}
{%- endmacro %}

{% macro default__texts_joined(text) -%}
    string_agg({{ text }}, ', ' order by {{ text }})
{%- endmacro %}

{% macro spark__texts_joined(text) -%}
    listagg({{ text }}, ', ') within group (order by {{ text }})
{%- endmacro %}

{#- The codes of a text with commas between, as a list; none of an empty text. -#}
{% macro codes_of(text) -%}
    {{ adapter.dispatch('codes_of', 'moocmeta')(text) }}
{%- endmacro %}

{% macro default__codes_of(text) -%}
    list_filter(
        list_transform(
            string_split(coalesce({{ text }}, ''), ','), lambda code: trim(code)
        ),
        lambda code: code <> ''
    )
{%- endmacro %}

{% macro spark__codes_of(text) -%}
    filter(
        transform(split(coalesce({{ text }}, ''), ','), code -> trim(code)),
        code -> code <> ''
    )
{%- endmacro %}

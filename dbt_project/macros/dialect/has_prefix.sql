{#- Whether a text begins with one of the prefixes, which blanks part. -#}
{% macro has_prefix(text, prefixes) -%}
    {{ adapter.dispatch('has_prefix', 'moocmeta')(text, prefixes) }}
{%- endmacro %}

{% macro default__has_prefix(text, prefixes) -%}
    len(list_filter(
        string_split({{ prefixes }}, ' '),
        lambda prefix: prefix <> '' and starts_with({{ text }}, prefix)
    )) > 0
{%- endmacro %}

{% macro spark__has_prefix(text, prefixes) -%}
    exists(
        split({{ prefixes }}, ' '),
        prefix -> prefix <> '' and startswith({{ text }}, prefix)
    )
{%- endmacro %}

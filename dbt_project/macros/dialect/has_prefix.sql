{#- Whether a text begins with one of the blank-separated prefixes. -#}
{% macro has_prefix(text, prefixes) -%}
    {{ adapter.dispatch('has_prefix', 'moocmeta')(text, prefixes) }}
{%- endmacro %}

{% macro default__has_prefix(text, prefixes) -%}
    len(list_filter(
        string_split({{ prefixes }}, ' '), lambda prefix: starts_with({{ text }}, prefix)
    )) > 0
{%- endmacro %}

{% macro spark__has_prefix(text, prefixes) -%}
    exists(split({{ prefixes }}, ' '), prefix -> startswith({{ text }}, prefix))
{%- endmacro %}

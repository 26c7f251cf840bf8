{#- A value that fails the statement where it is asked for, with the text as the reason. -#}
{% macro error_of(text) -%}
    {{ adapter.dispatch('error_of', 'moocmeta')(text) }}
{%- endmacro %}

{% macro default__error_of(text) -%} error({{ text }}) {%- endmacro %}

{% macro spark__error_of(text) -%} raise_error({{ text }}) {%- endmacro %}

{#- A text as a SQL literal. -#}
{% macro sql_text(text) %}
    {{ return(adapter.dispatch('sql_text', 'moocmeta')(text)) }}
{% endmacro %}

{% macro default__sql_text(text) %}
    {{ return("'" ~ (text | replace("'", "''")) ~ "'") }}
{% endmacro %}

{% macro spark__sql_text(text) %}
    {{ return("'" ~ (text | replace("\\", "\\\\") | replace("'", "\\'")) ~ "'") }}
{% endmacro %}

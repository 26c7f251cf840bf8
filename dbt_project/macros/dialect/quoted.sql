{#- A name that is a word of SQL, such as window, as an identifier. -#}
{% macro quoted(name) -%} {{ adapter.quote(name) }} {%- endmacro %}

{#- The values of a window frame as a list, in the window's order. -#}
{% macro window_list(expression) -%}
    {{ adapter.dispatch('window_list', 'moocmeta')(expression) }}
{%- endmacro %}

{% macro default__window_list(expression) -%} list({{ expression }}) {%- endmacro %}

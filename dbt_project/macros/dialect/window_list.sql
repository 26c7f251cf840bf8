{#- The values of a window frame as a list, in the window's order. None may be null,
    and of an empty frame no more is said than that it has no first value. -#}
{% macro window_list(expression) -%}
    {{ adapter.dispatch('window_list', 'moocmeta')(expression) }}
{%- endmacro %}

{% macro default__window_list(expression) -%} list({{ expression }}) {%- endmacro %}

{% macro spark__window_list(expression) -%} collect_list({{ expression }}) {%- endmacro %}

{#- How a row of `datasets` is split: as the variable says for all, else as it says. -#}
{% macro split_method() -%}
    {{ "'" ~ var("split_method") ~ "'" if var("split_method") else "split_method" }}
{%- endmacro %}

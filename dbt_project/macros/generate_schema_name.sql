{#- A model's schema is what its folder says, without a prefix: marts stay in `main`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

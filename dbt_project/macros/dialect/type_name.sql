{#- The engine's name of a type that YAML declares: varchar, integer, bigint, double,
    boolean, timestamp, and lists of them, `integer[]`. -#}
{% macro type_name(data_type) %}
    {{ return(adapter.dispatch('type_name', 'moocmeta')(data_type | lower)) }}
{% endmacro %}

{% macro default__type_name(data_type) %}
    {{ return(data_type) }}
{% endmacro %}

{% macro spark__type_name(data_type) %}
    {%- if data_type.endswith("[]") -%}
        {{ return("array<" ~ spark__type_name(data_type[:-2]) ~ ">") }}
    {%- endif -%}
    {{ return({"varchar": "string", "integer": "int"}.get(data_type, data_type)) }}
{% endmacro %}

{#- A text as a number in [0, 1), the same on every engine: 32 bits of its md5. -#}
{% macro hash_to_unit(text) -%}
    {{ adapter.dispatch('hash_to_unit', 'moocmeta')(text) }}
{%- endmacro %}

{% macro default__hash_to_unit(text) -%}
    cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) / 4294967296.0
{%- endmacro %}

{% macro spark__hash_to_unit(text) -%}
    cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as double) / 4294967296d
{%- endmacro %}

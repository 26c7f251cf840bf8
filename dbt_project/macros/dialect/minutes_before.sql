{#- Minutes from each of a list of epoch seconds to one epoch second, as a list. -#}
{% macro minutes_before(epochs, epoch) -%}
    {{ adapter.dispatch('minutes_before', 'moocmeta')(epochs, epoch) }}
{%- endmacro %}

{% macro default__minutes_before(epochs, epoch) -%}
    list_transform(
        {{ epochs }}, lambda earlier: cast({{ epoch }} - earlier as double) / 60
    )
{%- endmacro %}

{% macro spark__minutes_before(epochs, epoch) -%}
    transform({{ epochs }}, earlier -> cast({{ epoch }} - earlier as double) / 60)
{%- endmacro %}

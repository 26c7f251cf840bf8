{#- Text of epoch seconds, with or without decimals, as a UTC timestamp; else null. -#}
{% macro from_epoch_seconds(text) -%}
    {{ adapter.dispatch('from_epoch_seconds', 'moocmeta')(text) }}
{%- endmacro %}

{% macro default__from_epoch_seconds(text) -%}
    -- to the end of the year 9999: milliseconds are no seconds
    case
        when try_cast({{ text }} as double) between 0 and 253402300799
            then make_timestamp(
                cast(round(try_cast({{ text }} as double) * 1000000) as bigint)
            )
    end
{%- endmacro %}

{% macro spark__from_epoch_seconds(text) -%}
    case
        when {{ text_to_double(text) }} between 0 and 253402300799
            then cast(
                timestamp_micros(cast(round({{ text_to_double(text) }} * 1000000) as bigint))
                as timestamp_ntz
            )
    end
{%- endmacro %}

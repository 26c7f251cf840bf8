{#- Text as a UTC timestamp, null where it is no unambiguous time.

    Read: ISO 8601 and its loose forms (blank or T, slashes, fractions, Z, offsets; no
    zone means UTC) and months by name (28 Sep 2018 16:18:29, Sep 28, 2018 16:18:29).
    Not read: 09/10/2018, where day and month cannot be told apart. -#}
{% macro utc_timestamp(text) -%}
    {{ adapter.dispatch('utc_timestamp', 'moocmeta')(text) }}
{%- endmacro %}

{% macro default__utc_timestamp(text) -%}
    coalesce(
        -- four digits of a year first: "epoch", "infinity" and 17-03-01 are no times
        case
            when regexp_matches({{ text }}, '^\s*[0-9]{4}[-/]')
                then timezone('UTC', try_cast({{ text }} as timestamptz))
        end,
        try_strptime(
            {{ text }},
            ['%d %b %Y %H:%M:%S', '%d %B %Y %H:%M:%S',
             '%b %d, %Y %H:%M:%S', '%B %d, %Y %H:%M:%S']
        )
    )
{%- endmacro %}

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

{#- Spark alone would read 2017-03 and 2017-03-01 08 too, and less exactly written ones
    not at all. What only DuckDB reads (zones by name, 24:00, years of two digits) is
    null here, and null is an error. -#}
{% macro spark__utc_timestamp(text) -%}
    {%- set months = ['d MMM yyyy', 'd MMMM yyyy', 'MMM d, yyyy', 'MMMM d, yyyy'] -%}
    coalesce(
        case
            when rlike(
                {{ text }},
                r'^\s*[0-9]{4}([-/])[0-9]{1,2}\1[0-9]{1,2}((T|\s+)[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?| UTC)? *)?$'
            ) then cast(
                try_cast(
                    regexp_replace(replace(trim({{ text }}), '/', '-'), r'\s+', ' ')
                    as timestamp_ltz
                ) as timestamp_ntz
            )
        end
        {%- for month in months %},
        try_to_timestamp(
            regexp_replace(trim({{ text }}), ' +', ' '), '{{ month }} H:m:s'
        )
        {%- endfor %}
    )
{%- endmacro %}

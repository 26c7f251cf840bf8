{#- Text as a UTC timestamp, null where it is no unambiguous time.

    Read: ISO 8601 and its loose forms (blank or T, slashes, fractions; Z, UTC, GMT and
    offsets, no zone means UTC) and months by name (28 Sep 2018 16:18:29, Sep 28, 2018
    16:18:29). Not read: 09/10/2018, where day and month cannot be told apart, and zones
    by name: CST is Chicago's to one engine and Shanghai's to another. -#}
{% macro utc_timestamp(text) -%}
    {{ adapter.dispatch('utc_timestamp', 'moocmeta')(text) }}
{%- endmacro %}

{#- Four digits of a year first: "epoch", "infinity" and 17-03-01 are no times. -#}
{% macro iso_time() -%}
    '^[0-9]{4}(-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}((T|[ ]+)([01]?[0-9]|2[0-3]):[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?([ ]*(Z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?))?)?$'
{%- endmacro %}

{% macro default__utc_timestamp(text) -%}
    coalesce(
        -- most are written so; the rest have a blank before the zone, or around all
        case
            when regexp_matches({{ text }}, {{ iso_time() }})
                then timezone('UTC', try_cast({{ text }} as timestamptz))
        end,
        case
            when regexp_matches(trim({{ text }}), {{ iso_time() }})
                then timezone('UTC', try_cast(
                    -- a zone is read behind seconds only
                    regexp_replace(
                        regexp_replace(
                            regexp_replace(trim({{ text }}), ' *(Z|UTC|GMT)$', 'Z'),
                            ' +([+-][0-9:]+)$', '\1'
                        ),
                        '([ T][0-9]+:[0-9]+)(Z|[+-].*)$', '\1:00\2'
                    ) as timestamptz
                ))
        end,
        try_strptime(
            trim({{ text }}),
            ['%d %b %Y %H:%M:%S', '%d %B %Y %H:%M:%S',
             '%b %d, %Y %H:%M:%S', '%B %d, %Y %H:%M:%S']
        )
    )
{%- endmacro %}

{#- Spark knows fewer forms, so they are brought into one first. -#}
{% macro spark__utc_timestamp(text) -%}
    {%- set months = ['d MMM yyyy', 'd MMMM yyyy', 'MMM d, yyyy', 'MMMM d, yyyy'] -%}
    coalesce(
        case
            when rlike(trim({{ text }}), r{{ iso_time() }})
                then cast(
                    try_cast(
                        regexp_replace(
                            regexp_replace(
                                regexp_replace(
                                    regexp_replace(
                                        replace(trim({{ text }}), '/', '-'),
                                        r' *(Z|UTC|GMT)$', 'Z'
                                    ),
                                    r'(:[0-9.]+) +([+-])', r'$1$2'
                                ),
                                -- a zone is read behind seconds only
                                r'([ T][0-9]+:[0-9]+)(Z|[+-].*)$', r'$1:00$2'
                            ),
                            r' +', ' '
                        ) as timestamp_ltz
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

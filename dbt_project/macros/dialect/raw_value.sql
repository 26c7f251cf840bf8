{#- What an engine makes of a raw value. -#}

{% macro default__raw_value(column, ref, found_type) %}
    {%- set wanted = column.data_type | upper -%}
    {%- if column.config.meta.get("form") == "epoch_seconds" -%}
        {{ return(from_epoch_seconds(ref)) }}
    {%- elif wanted == "TIMESTAMP" and found_type == "VARCHAR" -%}
        {{ return(utc_timestamp(ref)) }}
    {%- elif wanted == "TIMESTAMP" and found_type == "TIMESTAMP WITH TIME ZONE" -%}
        {{ return("timezone('UTC', " ~ ref ~ ")") }}
    {%- elif wanted == "TIMESTAMP" and not found_type.startswith(("TIMESTAMP", "DATE")) -%}
        {#- a number could count seconds, milliseconds or days: not for us to guess -#}
        {{ return("cast(null as timestamp)") }}
    {%- elif wanted == "BIGINT" and found_type in ("FLOAT", "DOUBLE") -%}
        {{ return("case when " ~ ref ~ " = floor(" ~ ref ~ ") then try_cast(" ~ ref
            ~ " as bigint) end") }}
    {%- elif wanted == "BIGINT" and found_type == "VARCHAR" -%}
        {#- 7.0 is a whole number, 7.5 is none; a decimal costs a hundred times as much -#}
        {%- set number = "try_cast(" ~ ref ~ " as decimal(38, 9))" -%}
        {{ return(
            "case when " ~ matches(ref, "^[0-9]{1,18}$") ~ " then try_cast(" ~ ref
            ~ " as bigint) when " ~ number ~ " = floor(" ~ number ~ ") then try_cast("
            ~ number ~ " as bigint) end"
        ) }}
    {%- elif wanted == "DOUBLE" -%}
        {%- set number = ref if found_type == wanted else "try_cast(" ~ ref ~ " as double)" -%}
        {{ return("case when isfinite(" ~ number ~ ") then " ~ number ~ " end") }}
    {%- elif found_type == wanted -%}
        {{ return(ref) }}
    {%- endif -%}
    {{ return("try_cast(" ~ ref ~ " as " ~ wanted ~ ")") }}
{% endmacro %}

{% macro spark__raw_value(column, ref, found_type) %}
    {%- set wanted = type_name(column.data_type) -%}
    {%- if column.config.meta.get("form") == "epoch_seconds" -%}
        {{ return(from_epoch_seconds(ref)) }}
    {%- elif wanted == "timestamp" -%}
        {#- where lines end in two ways, CR stays behind the last field -#}
        {%- if found_type == "string" -%}
            {{ return(utc_timestamp("replace(" ~ ref ~ ", '\\r')")) }}
        {%- endif -%}
        {%- set is_time = found_type.startswith(("timestamp", "date")) -%}
        {{ return("cast(" ~ (ref if is_time else "null") ~ " as timestamp)") }}
    {%- elif wanted == "bigint" and found_type in ("string", "float", "double") -%}
        {%- set number = "try_cast(" ~ ref ~ " as decimal(38, 9))" -%}
        {{ return(
            "case when " ~ number ~ " = floor(" ~ number ~ ") then try_cast(" ~ number
            ~ " as bigint) end"
        ) }}
    {%- elif wanted == "double" -%}
        {%- set number = text_to_double(bare(ref)) if found_type == "string"
            else "cast(" ~ ref ~ " as double)" -%}
        {{ return(
            "case when abs(" ~ number ~ ") < double('infinity') then " ~ number ~ " end"
        ) }}
    {%- elif found_type == wanted -%}
        {{ return(ref) }}
    {%- endif -%}
    {{ return("try_cast(" ~ ref ~ " as " ~ wanted ~ ")") }}
{% endmacro %}


{#- The text of a whole number that a file keeps as a floating one, as columns with
    missing ids often are; null where it is none or too large to be told from its
    neighbours. Engines write floating numbers differently. -#}
{% macro whole_number_text(number, limit) %}
    {{ return(
        "case when " ~ number ~ " = floor(" ~ number ~ ") and abs(" ~ number ~ ") < "
        ~ limit ~ " then cast(cast(" ~ number ~ " as bigint) as string) end"
    ) }}
{% endmacro %}


{#- Java's 1d and 1f are no numbers to anybody else. -#}
{% macro text_to_double(text) %}
    {{ return(
        "case when not rlike(" ~ text ~ ", '[0-9.][dDfF][ ]*$') then try_cast("
        ~ text ~ " as double) end"
    ) }}
{% endmacro %}


{#- How many bytes a text has. -#}
{% macro bytes_of(text) %}
    {{ return(("strlen(" if target.type == "duckdb" else "octet_length(") ~ text ~ ")") }}
{% endmacro %}


{#- Whether a text holds what a regular expression describes. -#}
{% macro matches(text, pattern) %}
    {{ return(adapter.dispatch('matches', 'moocmeta')(text, sql_text(pattern))) }}
{% endmacro %}

{% macro default__matches(text, pattern) %}
    {{ return("regexp_matches(" ~ text ~ ", " ~ pattern ~ ")") }}
{% endmacro %}

{% macro spark__matches(text, pattern) %}
    {{ return("rlike(" ~ text ~ ", " ~ pattern ~ ")") }}
{% endmacro %}

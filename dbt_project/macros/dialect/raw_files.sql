{#- How an engine finds and reads raw files. -#}

{#- The files under `folder` that match a pattern, in byte-wise order. -#}
{% macro raw_paths(folder, patterns) %}
    {{ return(adapter.dispatch('raw_paths', 'moocmeta')(folder, patterns)) }}
{% endmacro %}

{% macro default__raw_paths(folder, patterns) %}
    {%- set paths = [] -%}
    {%- for pattern in patterns -%}
        {%- set found = run_query(
            "select file from glob("
            ~ sql_text(literal_glob(folder) ~ "/" ~ pattern) ~ ") order by file"
        ) -%}
        {%- do paths.extend(found.columns[0].values()) -%}
    {%- endfor -%}
    {{ return(paths | sort) }}
{% endmacro %}

{#- To Spark a glob that finds nothing is an error, so one file more is looked for that
    is always there: this project's own or, on a remote store, any raw file. -#}
{% macro spark__raw_paths(folder, patterns) %}
    {%- do refuse_odd_path(folder) -%}
    {%- set here = invocation_args_dict.project_dir -%}
    {%- set is_absolute = "://" in folder or folder.startswith("/") -%}
    {%- set parent, name = (folder if is_absolute else here ~ "/" ~ folder).rsplit("/", 1) -%}
    {%- set paths = [] -%}
    {%- for pattern in patterns -%}
        {%- set glob = parent ~ "/{" ~ name ~ "/" ~ pattern ~ ",*/*}" if "://" in folder
            else "/{" ~ here[1:] ~ "/dbt_project.yml," ~ parent[1:] ~ "/" ~ name ~ "/"
                ~ pattern ~ "}" -%}
        {%- set wanted = modules.re.escape("/" ~ name ~ "/" ~ pattern)
            | replace("\\*", "[^/]*") -%}
        {%- for row in run_query("select path from binaryFile." ~ adapter.quote(glob)) -%}
            {%- if modules.re.search(wanted ~ "$", row[0]) -%}
                {%- do paths.append(row[0] | replace("file:", "", 1)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(paths | sort) }}
{% endmacro %}


{#- Spark takes these characters for patterns at one place or another. -#}
{% macro refuse_odd_path(path) %}
    {%- if modules.re.search("[][{}*?,\\\\`]", path) -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": Spark reads no path with one of [ ] { } * ? , ` \\ in it; rename it"
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- What makes a file unreadable as a whole, in words; empty if nothing does. -#}
{% macro raw_file_fault(path, encoding) %}
    {{ return(adapter.dispatch('raw_file_fault', 'moocmeta')(path, encoding)) }}
{% endmacro %}

{#- All other faults DuckDB finds by itself, and names the file. -#}
{% macro default__raw_file_fault(path, encoding) %}
    {%- set size = run_query(
        "select size from read_blob(" ~ sql_text(literal_glob(path)) ~ ")"
    ) -%}
    {{ return("the file is empty; remove it" if size.columns[0].values()[0] == 0 else "") }}
{% endmacro %}

{#- Spark would read what is no UTF-8 as question marks, and drop or invent fields
    where a row has more or fewer than the header. An empty file it does not even list. -#}
{% macro spark__raw_file_fault(path, encoding) %}
    {%- do refuse_odd_path(path) -%}
    {%- if not path.endswith(".csv") -%} {{ return("") }} {%- endif -%}
    {%- set n_lines = run_query(
        "select count(*) from text." ~ adapter.quote(path) ~ " where not is_valid_utf8(value)"
    ).columns[0].values()[0] -%}
    {%- if n_lines > 0 and encoding == "utf-8" -%}
        {{ return(n_lines ~ " lines are not UTF-8; convert the file") }}
    {%- endif -%}
    {%- set n_rows = run_query(
        "select (select count(*) from " ~ raw_reader(path, encoding, "permissive")
        ~ ") - (select count(*) from " ~ raw_reader(path, encoding, "dropmalformed") ~ ")"
    ).columns[0].values()[0] -%}
    {{ return(
        n_rows ~ " rows have more or fewer fields than the header; mend or remove those rows"
        if n_rows > 0 else ""
    ) }}
{% endmacro %}


{#- A raw file as a relation, each column of a CSV as text. -#}
{% macro raw_reader(path, encoding, mode=none) %}
    {{ return(adapter.dispatch('raw_reader', 'moocmeta')(path, encoding, mode)) }}
{% endmacro %}

{% macro default__raw_reader(path, encoding, mode) %}
    {%- set file = sql_text(literal_glob(path)) -%}
    {%- if path.endswith(".parquet") -%} {{ return("read_parquet(" ~ file ~ ")") }} {%- endif -%}
    {{ return(
        "read_csv(" ~ file ~ ", header = true, all_varchar = true, delim = ',', "
        ~ "quote = '\"', escape = '\"', comment = '', encoding = "
        ~ sql_text(encoding) ~ ")"
    ) }}
{% endmacro %}

{% macro spark__raw_reader(path, encoding, mode) %}
    {%- if path.endswith(".parquet") -%}
        {{ return("parquet." ~ adapter.quote(path)) }}
    {%- endif -%}
    {#- without `columnPruning` a row's length shows even if no column is asked for -#}
    {{ return(
        "csv." ~ adapter.quote(path) ~ " with (header = true, multiLine = true, "
        ~ "quote = '\"', escape = '\"', encoding = "
        ~ sql_text(encoding | replace("latin-1", "ISO-8859-1"))
        ~ (", columnPruning = false, mode = '" ~ mode ~ "'" if mode else "") ~ ")"
    ) }}
{% endmacro %}


{#- Name (lower case) → type of a reader's columns, in their order. -#}
{% macro raw_types(reader) %}
    {%- set describe = adapter.dispatch('describe_rows', 'moocmeta')(reader) -%}
    {%- set found = {} -%}
    {%- for row in run_query(describe) -%}
        {%- do found.update({row[0] | lower: row[1]}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro default__describe_rows(reader) -%} describe select * from {{ reader }} {%- endmacro %}

{% macro spark__describe_rows(reader) -%}
    describe query select * from {{ reader }}
{%- endmacro %}


{#- A raw value as its declared type, null where it is none. -#}
{% macro raw_value(column, found_type) %}
    {%- set floats = {"float": 16777216, "real": 16777216, "double": 9007199254740992} -%}
    {%- if column.data_type == "varchar" and found_type | lower in floats -%}
        {{ return(whole_number_text(column.name, floats[found_type | lower])) }}
    {%- endif -%}
    {{ return(adapter.dispatch('raw_value', 'moocmeta')(column, found_type)) }}
{% endmacro %}

{% macro default__raw_value(column, found_type) %}
    {%- set wanted = column.data_type | upper -%}
    {%- if found_type == wanted -%} {{ return(column.name) }} {%- endif -%}
    {%- if column.config.meta.get("form") == "epoch_seconds" -%}
        {{ return(from_epoch_seconds(column.name)) }}
    {%- elif wanted == "TIMESTAMP" and found_type == "VARCHAR" -%}
        {{ return(utc_timestamp(column.name)) }}
    {%- elif wanted == "TIMESTAMP" and found_type == "TIMESTAMP WITH TIME ZONE" -%}
        {{ return("timezone('UTC', " ~ column.name ~ ")") }}
    {%- elif wanted == "TIMESTAMP" and not found_type.startswith(("TIMESTAMP", "DATE")) -%}
        {#- a number could count seconds, milliseconds or days: not for us to guess -#}
        {{ return("cast(null as timestamp)") }}
    {%- endif -%}
    {{ return("try_cast(" ~ column.name ~ " as " ~ wanted ~ ")") }}
{% endmacro %}

{% macro spark__raw_value(column, found_type) %}
    {%- set wanted = type_name(column.data_type) -%}
    {%- if column.config.meta.get("form") == "epoch_seconds" -%}
        {{ return(from_epoch_seconds(column.name)) }}
    {%- elif wanted == "timestamp" -%}
        {%- if found_type == "string" -%} {{ return(utc_timestamp(column.name)) }} {%- endif -%}
        {%- set is_time = found_type.startswith(("timestamp", "date")) -%}
        {{ return("cast(" ~ (column.name if is_time else "null") ~ " as timestamp)") }}
    {%- elif found_type == wanted -%}
        {{ return(column.name) }}
    {%- elif found_type == "string" and wanted in ("int", "bigint") -%}
        {#- 7.0 is a whole number too -#}
        {{ return(
            "try_cast(round(try_cast(" ~ column.name ~ " as decimal(38, 9))) as " ~ wanted ~ ")"
        ) }}
    {%- elif found_type == "string" and wanted == "double" -%}
        {{ return(text_to_double(column.name)) }}
    {%- endif -%}
    {{ return("try_cast(" ~ column.name ~ " as " ~ wanted ~ ")") }}
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


{#- A path as a DuckDB glob pattern that matches nothing but that path. -#}
{% macro literal_glob(path) %}
    {{ return(
        path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")
    ) }}
{% endmacro %}

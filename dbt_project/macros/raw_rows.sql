{#- The typed rows of a data set's raw files, as a subquery.

    The source's YAML is the only description: `meta.files` are the patterns under
    `$MOOCMETA_DATA_DIR/raw/<source>/`, `meta.needs_ingest` those that dbt cannot read,
    `meta.encoding` that of text files (UTF-8 else), the columns with their `data_type`
    what every file must have, but those with `meta.optional`.
    No file: an empty relation and a warning. A table that goes `meta.beside` the file
    of another is asked for only where that one lies: then it must be there, or, with
    `meta.optional`, its absence is a warning. A file that is empty or lacks a column,
    and a value that is missing or of another type: an error of one line. -#}
{% macro raw_rows(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {%- set folder = env_var("MOOCMETA_DATA_DIR", "sample_data") ~ "/raw/" ~ source_name -%}

    {%- set selects = [] -%}
    {%- for path in raw_paths(folder, description.files) -%}
        {%- do selects.append(raw_file_select(path, description)) -%}
    {%- endfor -%}

    {%- for path in raw_paths(folder, description.needs_ingest) -%}
        {%- set ingested = path | replace(".json", ".parquet") -%}
        {%- if ingested not in raw_paths(folder, ["*.parquet"]) -%}
            {%- do log(
                "[WARNING]: " ~ path ~ " is not read: run `moocmeta ingest "
                ~ source_name ~ " " ~ path ~ "`", info=true
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if not selects -%}
        {%- do tell_of_absence(source_name, folder, description) -%}
        {%- do selects.append(empty_select(description.columns)) -%}
    {%- endif -%}

    (
        {{ selects | join("\n        union all\n        ") }}
    )
{%- endmacro %}


{#- What a source's YAML says of its raw files. -#}
{% macro raw_description(source_name, table_name) %}
    {%- for node in graph.sources.values() -%}
        {%- if node.source_name == source_name and node.name == table_name -%}
            {{ return({
                "files": node.config.meta.files,
                "needs_ingest": node.config.meta.get("needs_ingest", []),
                "encoding": node.config.meta.get("encoding", "utf-8"),
                "beside": node.config.meta.get("beside"),
                "optional": node.config.meta.get("optional"),
                "columns": node.columns.values() | list,
            }) }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{#- Say that a table has no file: nothing, a warning or an error. -#}
{% macro tell_of_absence(source_name, folder, description) %}
    {%- set path = folder ~ "/" ~ description.files[0] -%}
    {%- if not description.beside -%}
        {%- do log(
            "[WARNING]: no raw files for " ~ source_name ~ " in " ~ folder
            ~ ": its relations are empty", info=true
        ) -%}
    {%- elif raw_paths(folder, [description.beside]) and description.optional -%}
        {%- do log(
            "[WARNING]: " ~ path ~ " is missing: " ~ description.optional, info=true
        ) -%}
    {%- elif raw_paths(folder, [description.beside]) -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": the file is missing; put it beside " ~ description.beside
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- The files under `folder` that match a pattern, in byte-wise order. -#}
{% macro raw_paths(folder, patterns) %}
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


{#- One raw file with its columns checked and typed. -#}
{% macro raw_file_select(path, description) %}
    {%- set columns = description.columns -%}
    {%- set size = run_query(
        "select size from read_blob(" ~ sql_text(literal_glob(path)) ~ ")"
    ) -%}
    {%- if size.columns[0].values()[0] == 0 -%}
        {%- do exceptions.raise_compiler_error(path ~ ": the file is empty; remove it") -%}
    {%- endif -%}

    {%- set reader = raw_reader(path, description.encoding) -%}
    {%- set found = {} -%}
    {%- for row in run_query("describe select * from " ~ reader) -%}
        {%- do found.update({row[0] | lower: row[1]}) -%}
    {%- endfor -%}

    {%- set values = {} -%}
    {%- for column in columns -%}
        {%- if column.name in found -%}
            {%- do values.update({column.name: raw_value(column, found[column.name])}) -%}
        {%- elif column.config.meta.get("optional", false) -%}
            {%- do values.update(
                {column.name: "cast(null as " ~ column.data_type ~ ")"}
            ) -%}
        {%- else -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": column " ~ column.name ~ " is missing; found "
                ~ (found.keys() | join(", "))
                ~ ("; are its columns parted by commas?" if found | length == 1 else "")
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set in_file = columns | selectattr("name", "in", found) | list -%}
    {%- do check_raw_values(path, reader, in_file, values) -%}

    {%- set expressions = [] -%}
    {%- for name, value in values.items() -%}
        {%- do expressions.append(value ~ " as " ~ name) -%}
    {%- endfor -%}
    {{ return("select " ~ (expressions | join(", ")) ~ " from " ~ reader) }}
{% endmacro %}


{% macro raw_reader(path, encoding) %}
    {%- set file = sql_text(literal_glob(path)) -%}
    {%- if path.endswith(".parquet") -%} {{ return("read_parquet(" ~ file ~ ")") }} {%- endif -%}
    {{ return(
        "read_csv(" ~ file ~ ", header = true, all_varchar = true, delim = ',', "
        ~ "quote = '\"', escape = '\"', comment = '', encoding = "
        ~ sql_text(encoding) ~ ")"
    ) }}
{% endmacro %}


{#- A raw value as its declared type, null where it is none. -#}
{% macro raw_value(column, found_type) %}
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


{#- Fail with file, column and the first bad value where a value is missing or of
    another type. A column that may be empty says so with `meta.nullable`. -#}
{% macro check_raw_values(path, reader, columns, values) %}
    {%- set checks = [] -%}
    {%- for column in columns -%}
        {%- set raw = column.name -%}
        {%- set value = values[raw] -%}
        {%- if column.config.meta.get("nullable", false) -%}
            {%- set is_bad = value ~ " is null and " ~ raw ~ " is not null" -%}
        {%- elif column.data_type == "varchar" -%}
            {%- set is_bad = value ~ " is null or " ~ value ~ " = ''" -%}
        {%- else -%}
            {%- set is_bad = value ~ " is null" -%}
        {%- endif -%}
        {%- do checks.append(
            "count(*) filter (where " ~ is_bad ~ "), "
            ~ "min(cast(" ~ raw ~ " as varchar)) filter (where " ~ is_bad ~ ")"
        ) -%}
    {%- endfor -%}
    {%- set found = run_query("select " ~ (checks | join(", ")) ~ " from " ~ reader)[0] -%}
    {%- for column in columns -%}
        {%- set n_bad, example = found[2 * loop.index0], found[2 * loop.index0 + 1] -%}
        {%- if n_bad > 0 -%}
            {%- set what = '"' ~ example ~ '"' if example else "empty" -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": column " ~ column.name ~ " is " ~ what ~ " in " ~ n_bad
                ~ " rows, not a " ~ (column.data_type | upper)
                ~ "; mend or remove those rows"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro empty_select(columns) %}
    {%- set expressions = [] -%}
    {%- for column in columns -%}
        {%- do expressions.append("cast(null as " ~ column.data_type ~ ") as " ~ column.name) -%}
    {%- endfor -%}
    {{ return("select " ~ (expressions | join(", ")) ~ " where false") }}
{% endmacro %}


{#- A path as a glob pattern that matches nothing but that path. -#}
{% macro literal_glob(path) %}
    {{ return(
        path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")
    ) }}
{% endmacro %}


{% macro sql_text(text) %}
    {{ return("'" ~ (text | replace("'", "''")) ~ "'") }}
{% endmacro %}

{#- The typed rows of a data set's raw files, as a subquery.

    The source's YAML is the only description: `meta.files` are the patterns under
    `$MOOCMETA_DATA_DIR/raw/<source>/`, `meta.needs_ingest` those that dbt cannot read,
    `meta.encoding` that of text files (UTF-8 else), the columns with their `data_type`
    what every file must have, but those with `meta.optional`.
    A file that lies there in two forms is refused.
    No file: an empty relation, of which `tell_what_is_there` tells. A table that goes `meta.beside` the file
    of another is asked for only where that one lies: then it must be there, or, with
    `meta.optional`, its absence is a warning. A file that is empty or lacks a column,
    and a value that is missing or of another type: an error of one line. -#}
{% macro raw_rows(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {%- set folder = env_var("MOOCMETA_DATA_DIR", "sample_data") ~ "/raw/" ~ source_name -%}

    {%- set selects = [] -%}
    {%- set paths = raw_paths(folder, description.files) -%}
    {%- do refuse_twins(paths) -%}
    {%- for path in paths -%}
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


{#- A log that lies there as CSV and as Parquet would count twice. -#}
{% macro refuse_twins(paths) %}
    {%- for path in paths if path.endswith(".csv") -%}
        {%- set twin = path[:-4] ~ ".parquet" -%}
        {%- if twin in paths -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": the same file lies there as " ~ twin.split("/")[-1] ~ "; keep one"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{#- Say that a table has no file: nothing, a warning or an error. -#}
{% macro tell_of_absence(source_name, folder, description) %}
    {%- set path = folder ~ "/" ~ description.files[0] -%}
    {%- if not description.beside -%}
        {#- one line at the start of a run tells of all such data sets -#}
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


{#- One raw file with its columns checked and typed. -#}
{% macro raw_file_select(path, description) %}
    {%- set columns = description.columns -%}
    {%- set fault = raw_file_fault(path, description.encoding) -%}
    {%- if fault -%}
        {%- do exceptions.raise_compiler_error(path ~ ": " ~ fault) -%}
    {%- endif -%}

    {%- set reader = raw_reader(path, description.encoding) -%}
    {%- set found = raw_types(reader) -%}

    {%- set values = {} -%}
    {%- for column in columns -%}
        {%- if column.name in found -%}
            {%- do values.update({column.name: raw_value(column, found[column.name])}) -%}
        {%- elif column.config.meta.get("optional", false) -%}
            {%- do values.update(
                {column.name: "cast(null as " ~ type_name(column.data_type) ~ ")"}
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
            ~ "min(cast(" ~ raw ~ " as string)) filter (where " ~ is_bad ~ ")"
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
        {%- do expressions.append("cast(null as " ~ type_name(column.data_type) ~ ") as " ~ column.name) -%}
    {%- endfor -%}
    {{ return("select " ~ (expressions | join(", ")) ~ " where false") }}
{% endmacro %}

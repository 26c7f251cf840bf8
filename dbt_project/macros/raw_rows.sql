{#- The typed rows of a data set's raw files, as a subquery.

    The source's YAML is the only description: `meta.files` are the patterns under
    `$MOOCMETA_DATA_DIR/raw/<source>/`, `meta.needs_ingest` those that dbt cannot read,
    the columns with their `data_type` what every file must have.
    No file: an empty relation and a warning. A file that is empty or lacks a column,
    and a value that is null or of another type: an error of one line. -#}
{% macro raw_rows(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {%- set folder = env_var("MOOCMETA_DATA_DIR", "sample_data") ~ "/raw/" ~ source_name -%}

    {%- set selects = [] -%}
    {%- for path in raw_paths(folder, description.files) -%}
        {%- do selects.append(raw_file_select(path, description.columns)) -%}
    {%- endfor -%}

    {%- for path in raw_paths(folder, description.needs_ingest) -%}
        {%- set ingested = path | replace(".json", ".parquet") -%}
        {%- if raw_paths(folder, [ingested.split("/")[-1]]) | length == 0 -%}
            {%- do log(
                "[WARNING]: " ~ path ~ " is not read: run `moocmeta ingest "
                ~ source_name ~ " " ~ path ~ "`", info=true
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if not selects -%}
        {%- do log(
            "[WARNING]: no raw files for " ~ source_name ~ " in " ~ folder
            ~ ": its relations are empty", info=true
        ) -%}
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
                "columns": node.columns.values() | list,
            }) }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{#- The files under `folder` that match a pattern, in byte-wise order. -#}
{% macro raw_paths(folder, patterns) %}
    {%- set paths = [] -%}
    {%- for pattern in patterns -%}
        {%- set found = run_query(
            "select file from glob(" ~ sql_text(folder ~ "/" ~ pattern) ~ ") order by file"
        ) -%}
        {%- do paths.extend(found.columns[0].values()) -%}
    {%- endfor -%}
    {{ return(paths | sort) }}
{% endmacro %}


{#- One raw file with its columns checked and typed. -#}
{% macro raw_file_select(path, columns) %}
    {%- set reader = raw_reader(path) -%}
    {%- set size = run_query("select size from read_blob(" ~ sql_text(path) ~ ")") -%}
    {%- if size.columns[0].values()[0] == 0 -%}
        {%- do exceptions.raise_compiler_error(path ~ ": the file is empty; remove it") -%}
    {%- endif -%}

    {%- set found = {} -%}
    {%- for row in run_query("describe select * from " ~ reader) -%}
        {%- do found.update({row[0] | lower: row[1]}) -%}
    {%- endfor -%}

    {%- set expressions = [] -%}
    {%- for column in columns -%}
        {%- if column.name not in found -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": column " ~ column.name ~ " is missing; found "
                ~ (found.keys() | join(", "))
            ) -%}
        {%- endif -%}
        {%- do expressions.append(
            raw_value(path, column, found[column.name]) ~ " as " ~ column.name
        ) -%}
    {%- endfor -%}
    {{ return("select " ~ (expressions | join(", ")) ~ " from " ~ reader) }}
{% endmacro %}


{% macro raw_reader(path) %}
    {%- if path.endswith(".parquet") -%}
        {{ return("read_parquet(" ~ sql_text(path) ~ ")") }}
    {%- endif -%}
    {{ return(
        "read_csv(" ~ sql_text(path) ~ ", header = true, all_varchar = true, delim = ',', "
        ~ "quote = '\"', escape = '\"', comment = '')"
    ) }}
{% endmacro %}


{#- A raw value as its declared type; an error names file, column and value.
    A nullable column says so with `meta.nullable`. -#}
{% macro raw_value(path, column, found_type) %}
    {%- set wanted = column.data_type | upper -%}
    {%- set nullable = column.config.meta.get("nullable", false) -%}
    {%- set is_number = found_type in ("DOUBLE", "FLOAT") or "INT" in found_type -%}

    {%- if wanted == "TIMESTAMP" and (is_number or found_type == "BOOLEAN") -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": column " ~ column.name ~ " is " ~ found_type
            ~ ", but a TIMESTAMP (or its text) is needed"
        ) -%}
    {%- endif -%}

    {%- if found_type == wanted -%} {%- set typed = column.name -%}
    {%- elif wanted == "TIMESTAMP" and found_type == "VARCHAR" -%}
        {%- set typed = utc_timestamp(column.name) -%}
    {%- elif wanted == "TIMESTAMP" and found_type == "TIMESTAMP WITH TIME ZONE" -%}
        {%- set typed = "timezone('UTC', " ~ column.name ~ ")" -%}
    {%- else -%} {%- set typed = "try_cast(" ~ column.name ~ " as " ~ wanted ~ ")" -%}
    {%- endif -%}
    {%- if wanted == "VARCHAR" -%} {%- set typed = "nullif(" ~ typed ~ ", '')" -%} {%- endif -%}

    {%- set complaint -%}
        error({{ sql_text(path ~ ": column " ~ column.name ~ ": ") }}
        || coalesce('"' || cast({{ column.name }} as varchar) || '"', 'an empty value')
        || {{ sql_text(" is no " ~ wanted ~ "; mend or remove the row") }})
    {%- endset -%}
    {%- if nullable -%}
        {{ return("case when " ~ typed ~ " is null and " ~ column.name ~ " is not null then "
            ~ complaint ~ " else " ~ typed ~ " end") }}
    {%- endif -%}
    {{ return("coalesce(" ~ typed ~ ", " ~ complaint ~ ")") }}
{% endmacro %}


{% macro empty_select(columns) %}
    {%- set expressions = [] -%}
    {%- for column in columns -%}
        {%- do expressions.append("cast(null as " ~ column.data_type ~ ") as " ~ column.name) -%}
    {%- endfor -%}
    {{ return("select " ~ (expressions | join(", ")) ~ " where false") }}
{% endmacro %}


{% macro sql_text(text) %}
    {{ return("'" ~ (text | replace("'", "''")) ~ "'") }}
{% endmacro %}

{#- The typed rows of a data set's raw files, as a subquery.

    The source's YAML is the only description: `meta.files` are the patterns under
    `$MOOCMETA_DATA_DIR/raw/<source>/`, `meta.needs_ingest` those that dbt cannot read,
    `meta.encoding` the publisher's, if not UTF-8, the columns with their `data_type` what
    every file must have, but those with `meta.optional`. What is read of a file, and how, stands in docs/data-sets.md, "What a
    raw file may look like"; `raw_values.sql` decides on values, `dialect/raw_….sql`
    knows what an engine can do.

    Every row of a file is read, or the build fails with one line that names the file.
    A file that lies there twice is refused, one that no pattern takes is named.
    No file: an empty relation, of which `tell_what_is_there` tells; a warning where other
    files lie there. A table that goes `meta.beside` the file
    of another is asked for only where that one lies: then it must be there, or, with
    `meta.optional`, its absence is a warning. -#}
{% macro raw_rows(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {%- set root = raw_root() -%}
    {%- set folder = root ~ "/" ~ source_name -%}
    {%- set files = raw_files(folder) -%}
    {%- set paths = files_like(files, folder, description.files) -%}
    {%- if not paths and not raw_files(root) -%}
        {%- do exceptions.raise_compiler_error(
            "no file lies below " ~ root ~ ": mend MOOCMETA_DATA_DIR, or put a log there"
        ) -%}
    {%- endif -%}

    {%- if not description.beside -%}
        {%- do name_unread(source_name, folder, files) -%}
    {%- endif -%}

    {%- do refuse_twins(paths) -%}
    {%- set read = [] -%}
    {%- for path in paths -%}
        {%- do read.append(raw_file(path, description)) -%}
    {%- endfor -%}
    {%- do refuse_copies(read) -%}
    {%- set selects = read | map(attribute="query") | list -%}

    {%- if not selects -%}
        {%- do tell_of_absence(source_name, folder, files, description) -%}
        {%- do selects.append(empty_select(description.columns)) -%}
    {%- endif -%}

    (
        {{ selects | join("\n        union all\n        ") }}
    )
{%- endmacro %}


{#- The folder that holds a folder for each data set. -#}
{% macro raw_root() %}
    {%- set data_dir = env_var("MOOCMETA_DATA_DIR", "sample_data") -%}
    {%- if not data_dir | trim -%}
        {%- do exceptions.raise_compiler_error(
            "MOOCMETA_DATA_DIR is empty: name the folder that holds raw/, or unset it"
        ) -%}
    {%- endif -%}
    {{ return(data_dir.rstrip("/") ~ "/raw") }}
{% endmacro %}


{#- What a source's YAML says of its raw files. -#}
{% macro raw_description(source_name, table_name) %}
    {%- for node in graph.sources.values() -%}
        {%- if node.source_name == source_name and node.name == table_name -%}
            {{ return({
                "files": node.config.meta.files,
                "encoding": node.config.meta.get("encoding", "utf-8"),
                "beside": node.config.meta.get("beside"),
                "optional": node.config.meta.get("optional"),
                "columns": node.columns.values() | list,
            }) }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{#- The files of a folder whose names match a pattern; a CSV may be packed. -#}
{% macro files_like(files, folder, patterns) %}
    {%- set paths = [] -%}
    {%- for path in files -%}
        {%- set name = path[folder | length + 1:] -%}
        {%- for pattern in patterns -%}
            {%- set wanted = modules.re.escape(pattern) | replace("\\*", "[^/]*") -%}
            {%- set gzip = "([.]gz)?" if pattern.endswith(".csv") else "" -%}
            {%- if modules.re.fullmatch(wanted ~ gzip, name) and path not in paths -%}
                {%- do paths.append(path) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(paths) }}
{% endmacro %}


{#- Say which files of a data set's folder nobody reads. -#}
{% macro name_unread(source_name, folder, files) %}
    {%- set patterns, needs_ingest = [], [] -%}
    {%- for node in graph.sources.values() if node.source_name == source_name -%}
        {%- do patterns.extend(node.config.meta.files) -%}
        {%- do needs_ingest.extend(node.config.meta.get("needs_ingest", [])) -%}
    {%- endfor -%}
    {%- set read = files_like(files, folder, patterns) -%}
    {%- set to_ingest = files_like(files, folder, needs_ingest) -%}
    {%- for path in to_ingest -%}
        {%- if path.rsplit(".", 1)[0] ~ ".parquet" not in read -%}
            {%- do log(
                "[WARNING]: " ~ path ~ " is not read: run `moocmeta ingest "
                ~ source_name ~ " " ~ path ~ "`", info=true
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set unread = [] -%}
    {%- for path in files if path not in read and path not in to_ingest -%}
        {%- do unread.append(path[folder | length + 1:]) -%}
    {%- endfor -%}
    {%- if unread and (read or to_ingest) -%}
        {%- do log(
            "[WARNING]: " ~ folder ~ ": not read: " ~ few(unread)
            ~ "; what is read is called " ~ (patterns | join(", ")), info=true
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- The first names of many, and how many more there are. -#}
{% macro few(names) %}
    {%- set more = " and " ~ (names | length - 5) ~ " more" if names | length > 5 else "" -%}
    {{ return((names[:5] | join(", ")) ~ more) }}
{% endmacro %}


{#- A log that lies there in two forms, CSV and Parquet, packed or not, would count twice. -#}
{% macro refuse_twins(paths) %}
    {%- set seen = {} -%}
    {%- for path in paths -%}
        {%- set stem = modules.re.sub("[.](csv|csv[.]gz|parquet)$", "", path) -%}
        {%- if stem in seen -%}
            {%- do exceptions.raise_compiler_error(
                seen[stem] ~ ": the same file lies there as " ~ path.split("/")[-1]
                ~ "; keep one"
            ) -%}
        {%- endif -%}
        {%- do seen.update({stem: path}) -%}
    {%- endfor -%}
{% endmacro %}


{#- Refuse a file whose rows are another's: a browser's second copy, a log both packed
    and not. Rows are compared, in whatever form and order, where their number is one. -#}
{% macro refuse_copies(read) %}
    {%- set seen = {} -%}
    {%- for file in read if file.n_rows > 0 -%}
        {%- set alike = read | selectattr("n_rows", "equalto", file.n_rows) | list -%}
        {%- if alike | length > 1 -%}
            {%- set digest = run_query(
                "select cast(" ~ rows_digest(file.names) ~ " as string) from ("
                ~ file.query ~ ") as typed"
            )[0][0] -%}
            {%- set key = file.n_rows ~ " " ~ digest -%}
            {%- if key in seen -%}
                {%- do exceptions.raise_compiler_error(
                    file.path ~ ": the same rows lie there as "
                    ~ seen[key].split("/")[-1] ~ "; keep one"
                ) -%}
            {%- endif -%}
            {%- do seen.update({key: file.path}) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{#- Say that a table has no file: nothing, a warning or an error. -#}
{% macro tell_of_absence(source_name, folder, files, description) %}
    {%- set path = folder ~ "/" ~ description.files[0] -%}
    {%- set has_main = files_like(files, folder, [description.beside or ""]) -%}
    {%- if not description.beside -%}
        {#- where nothing lies, one line at the start of a run tells of it -#}
        {%- set names = [] -%}
        {%- for file in files -%}
            {%- do names.append(file[folder | length + 1:]) -%}
        {%- endfor -%}
        {%- if names -%}
            {%- do log(
                "[WARNING]: no raw files for " ~ source_name ~ " in " ~ folder
                ~ ": looked for " ~ (description.files | join(", "))
                ~ ", found " ~ few(names), info=true
            ) -%}
        {%- endif -%}
    {%- elif has_main and description.optional -%}
        {%- do log(
            "[WARNING]: " ~ path ~ " is missing: " ~ description.optional, info=true
        ) -%}
    {%- elif has_main -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": the file is missing; put it beside " ~ description.beside
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- One raw file with its columns checked and typed: `query`, `names`, `n_rows`. -#}
{% macro raw_file(path, description) %}
    {%- set form = raw_form(path) -%}
    {%- if form.fault -%}
        {%- do exceptions.raise_compiler_error(path ~ ": " ~ form.fault) -%}
    {%- endif -%}
    {%- do form.update({"is_own": description.get("is_own", false)}) -%}
    {%- if form.encoding not in ("utf-8", description.encoding) -%}
        {%- do warn_of_file(path, "is not UTF-8: read as Windows-1252") -%}
    {%- endif -%}
    {%- do form.update({"found": raw_columns(form, description.columns)}) -%}
    {%- set in_file, values = [], {} -%}
    {%- for column in description.columns -%}
        {%- if column.name in form.found -%}
            {%- do in_file.append(column) -%}
        {%- else -%}
            {%- do values.update(
                {column.name: "cast(null as " ~ type_name(column.data_type) ~ ")"}
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set n_rows = check_raw_values(form, in_file, values) -%}

    {%- set expressions = [] -%}
    {%- for column in description.columns -%}
        {%- do expressions.append(values[column.name] ~ " as " ~ column.name) -%}
    {%- endfor -%}
    {{ return({
        "path": path,
        "n_rows": n_rows,
        "names": description.columns | map(attribute="name") | list,
        "query": "select " ~ (expressions | join(", ")) ~ " from " ~ raw_reader(form),
    }) }}
{% endmacro %}


{#- Name → {ref, type} of the columns of a file that are asked for. -#}
{% macro raw_columns(form, columns) %}
    {%- set found, names = {}, [] -%}
    {%- for there in form.columns -%}
        {%- do names.append(there.name | trim | lower) -%}
    {%- endfor -%}
    {%- if names[0].startswith("sep=") -%}
        {%- do exceptions.raise_compiler_error(
            form.path ~ ': line 1 is "' ~ (names | join(",")) ~ '", not the header; remove it'
        ) -%}
    {%- endif -%}
    {%- for column in columns -%}
        {%- if names.count(column.name) > 1 -%}
            {%- do exceptions.raise_compiler_error(
                form.path ~ ": column " ~ column.name ~ " is there "
                ~ names.count(column.name) ~ " times; keep one"
            ) -%}
        {%- elif column.name in names -%}
            {%- do found.update({column.name: form.columns[names.index(column.name)]}) -%}
        {%- elif not column.config.meta.get("optional", false) -%}
            {%- do exceptions.raise_compiler_error(
                form.path ~ ": column " ~ column.name ~ " is missing; found "
                ~ (names | join(", "))
                ~ ("; are its columns parted by commas?" if names | length == 1 else "")
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{#- Say once what was settled for the user in a file. -#}
{% macro warn_of_file(path, text) %}
    {%- do log("[WARNING]: " ~ path ~ ": " ~ text, info=true) -%}
{% endmacro %}


{% macro empty_select(columns) %}
    {%- set expressions = [] -%}
    {%- for column in columns -%}
        {%- do expressions.append("cast(null as " ~ type_name(column.data_type) ~ ") as " ~ column.name) -%}
    {%- endfor -%}
    {{ return("select " ~ (expressions | join(", ")) ~ " where false") }}
{% endmacro %}

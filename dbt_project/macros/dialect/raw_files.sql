{#- How an engine finds and reads raw files. -#}

{#- The files below `folder`, in subfolders too, in byte-wise order, but those that systems
    and programs put there for themselves (._log.csv, ~$log.csv). -#}
{% macro raw_files(folder) %}
    {%- set paths = [] -%}
    {%- for path in adapter.dispatch('raw_files', 'moocmeta')(folder) -%}
        {%- set below = path[folder | length:] -%}
        {%- if not modules.re.search("/([.]|~[$])", below) and path not in paths -%}
            {%- do paths.append(path) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(paths | sort(case_sensitive=true)) }}
{% endmacro %}

{#- `**` goes into no linked folder, `*` does. -#}
{% macro default__raw_files(folder) %}
    {{ return(raw_paths(folder, ["**", "*/**"])) }}
{% endmacro %}

{#- To Spark a glob that finds nothing is an error, so one file more is looked for that
    is always there: this project's own or, on a remote store, any raw file. -#}
{% macro spark__raw_files(folder) %}
    {%- do refuse_odd_path(folder) -%}
    {%- set here = invocation_args_dict.project_dir -%}
    {%- set is_absolute = "://" in folder or folder.startswith("/") -%}
    {%- set whole = folder if is_absolute else here ~ "/" ~ folder -%}
    {%- set glob = whole.rsplit("/", 1)[0] ~ "/*" if "://" in folder
        else "/{" ~ here[1:] ~ "/dbt_project.yml," ~ whole[1:] ~ "}" -%}
    {%- set paths = [] -%}
    {%- for row in run_query(
        "select path from binaryFile." ~ adapter.quote(glob)
        ~ " with (recursiveFileLookup = true)"
    ) -%}
        {%- set path = row[0] | replace("file:", "", 1) -%}
        {%- if path.startswith(whole ~ "/") -%}
            {%- do paths.append(folder ~ path[whole | length:]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(paths) }}
{% endmacro %}


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

{% macro spark__raw_paths(folder, patterns) %}
    {%- set paths = [] -%}
    {%- for path in raw_files(folder) -%}
        {%- for pattern in patterns -%}
            {%- set wanted = modules.re.escape("/" ~ pattern) | replace("\\*", "[^/]*") -%}
            {%- if modules.re.fullmatch(wanted, path[folder | length:]) -%}
                {%- do paths.append(path) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(paths) }}
{% endmacro %}


{#- Spark takes these characters for patterns at one place or another. -#}
{% macro refuse_odd_path(path) %}
    {%- if modules.re.search("[][{}*?,\\\\`]", path) -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": Spark reads no path with one of [ ] { } * ? , ` \\ in it; rename it"
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- What a raw file is: `path`, `is_text`, `encoding`, `columns` ({name, ref, type,
    is_text, raw} in their order; `ref` is how SQL calls it) or, in words, the `fault`
    that makes it unreadable as a whole. -#}
{% macro raw_form(path) %}
    {%- set form = {"path": path, "fault": "", "encoding": "utf-8"} -%}
    {%- do form.update({"is_text": not path.endswith(".parquet")}) -%}
    {%- do form.update(adapter.dispatch('raw_form', 'moocmeta')(path, form.is_text)) -%}
    {{ return(form) }}
{% endmacro %}

{% macro default__raw_form(path, is_text) %}
    {%- if is_text -%}
        {%- set form = fromjson(
            run_query("select text_form(" ~ sql_text(path) ~ ")")[0][0]
        ) -%}
        {%- set columns = [] -%}
        {%- for name in form.get("header", []) -%}
            {%- do columns.append(raw_column(name, "c" ~ loop.index0, "VARCHAR")) -%}
        {%- endfor -%}
        {%- do form.update({"columns": columns}) -%}
        {{ return(form) }}
    {%- endif -%}
    {%- set file = sql_text(literal_glob(path)) -%}
    {%- if run_query("select size from read_blob(" ~ file ~ ")")[0][0] == 0 -%}
        {{ return({"fault": "the file is empty; remove it"}) }}
    {%- endif -%}
    {#- of two columns user_id and USER_ID DuckDB calls the second USER_ID_1 -#}
    {%- set names = run_query(
        "select name from parquet_schema(" ~ file ~ ")"
    ).columns[0].values() | map("lower") | list -%}
    {%- set columns = [] -%}
    {%- for row in run_query("describe select * from read_parquet(" ~ file ~ ")") -%}
        {%- set again = modules.re.sub("_[0-9]+$", "", row[0] | lower) -%}
        {%- set is_again = row[0] | lower not in names and names.count(again) > 1 -%}
        {%- do columns.append(
            raw_column(again if is_again else row[0], adapter.quote(row[0]), row[1])
        ) -%}
    {%- endfor -%}
    {{ return({"columns": columns}) }}
{% endmacro %}

{#- Spark would read what is no UTF-8 as question marks, and drop or invent fields
    where a row has more or fewer than the header. An empty file it does not even list. -#}
{% macro spark__raw_form(path, is_text) %}
    {%- do refuse_odd_path(path) -%}
    {%- set form = {"path": path, "is_text": is_text, "encoding": "utf-8"} -%}
    {%- if is_text -%}
        {%- set n_odd, n_nul, n_other = run_query(
            "select count_if(not is_valid_utf8(value)), count_if(contains(value, chr(0))), "
            ~ "count_if(not is_valid_utf8(value) and "
            ~ "hex(value) rlike '^(..)*(81|8D|8F|90|9D)') from text." ~ adapter.quote(path)
        )[0] -%}
        {%- if n_nul > 0 -%}
            {{ return({"fault": "the file holds NUL bytes: damaged, or UTF-16 or UTF-32; "
                ~ "save it as UTF-8"}) }}
        {%- elif n_other > 0 -%}
            {{ return({"fault": "the file is neither UTF-8 nor Windows-1252; "
                ~ "save it as UTF-8"}) }}
        {%- elif n_odd > 0 -%}
            {%- do form.update({"encoding": "windows-1252"}) -%}
        {%- endif -%}
    {%- endif -%}
    {%- set names = [] -%}
    {%- if is_text -%}
        {%- for name in run_query(
            "select * from " ~ raw_reader(form, "header = false") ~ " limit 1"
        )[0] -%}
            {%- do names.append((name or "") | replace("\ufeff", "")) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for row in run_query("describe query select * from " ~ raw_reader(form)) -%}
        {%- do columns.append(raw_column(
            names[loop.index0] if is_text else row[0],
            adapter.quote(row[0] | replace("`", "``")), row[1]
        )) -%}
    {%- endfor -%}
    {%- do form.update({"columns": columns}) -%}
    {%- if is_text -%}
        {%- set modes = [] -%}
        {%- for mode in ["permissive", "dropmalformed"] -%}
            {%- do modes.append("(select count(*) from " ~ raw_reader(
                form, "columnPruning = false, mode = '" ~ mode ~ "'") ~ ")") -%}
        {%- endfor -%}
        {%- set n_rows = run_query("select " ~ (modes | join(" - "))).columns[0].values()[0] -%}
        {%- if n_rows > 0 -%}
            {%- do form.update({"fault": n_rows ~ " rows have more or fewer fields than "
                ~ "the header; keep every export in a file of its own, mend those rows"}) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(form) }}
{% endmacro %}


{#- A column of a raw file; bytes are taken for the UTF-8 text that they are meant as. -#}
{% macro raw_column(name, ref, found_type) %}
    {%- set is_bytes = found_type | lower in ("blob", "binary") -%}
    {{ return({
        "name": name,
        "raw": ref,
        "ref": text_of_bytes(ref) if is_bytes else ref,
        "type": type_name("varchar") if is_bytes else found_type,
        "is_text": is_bytes or found_type | lower in ("varchar", "string"),
    }) }}
{% endmacro %}


{#- Bytes as UTF-8 text, null where they are none. -#}
{% macro text_of_bytes(bytes) %}
    {{ return(adapter.dispatch('text_of_bytes', 'moocmeta')(bytes)) }}
{% endmacro %}

{% macro default__text_of_bytes(bytes) %} {{ return("try(decode(" ~ bytes ~ "))") }} {% endmacro %}

{% macro spark__text_of_bytes(bytes) %}
    {{ return("try_validate_utf8(cast(" ~ bytes ~ " as string))") }}
{% endmacro %}


{#- A raw file as a relation, each column of a CSV as text. -#}
{% macro raw_reader(form, options="") %}
    {{ return(adapter.dispatch('raw_reader', 'moocmeta')(form, options)) }}
{% endmacro %}

{#- Nothing is left to DuckDB's sniffer: it takes rows above a second, wider header for a
    preamble, in silence. -#}
{% macro default__raw_reader(form, options) %}
    {%- if not form.is_text -%}
        {{ return("read_parquet(" ~ sql_text(literal_glob(form.path))
            ~ (", " ~ options if options else "") ~ ")") }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in form.columns -%}
        {%- do columns.append("'" ~ column.ref ~ "': 'VARCHAR'" if column.ref == column.raw) -%}
    {%- endfor -%}
    {%- set path = literal_glob(form.path) if form.is_tidy
        else "tidy://" ~ form.encoding ~ "/" ~ form.path -%}
    {{ return(
        "read_csv(" ~ sql_text(path) ~ ", auto_detect = false, header = true, "
        ~ "columns = {" ~ (columns | join(", ")) ~ "}, delim = ',', quote = '\"', "
        ~ "escape = '\"', strict_mode = true"
        ~ (", compression = 'gzip'" if form.is_tidy and form.path.endswith(".gz") else "")
        ~ (", " ~ form.options if form.options else "")
        ~ (", " ~ options if options and options != form.options else "") ~ ")"
    ) }}
{% endmacro %}

{% macro spark__raw_reader(form, options) %}
    {%- set path = adapter.quote(form.path) -%}
    {%- if not form.is_text -%} {{ return("parquet." ~ path) }} {%- endif -%}
    {#- without `columnPruning` a row's length shows even if no column is asked for -#}
    {{ return(
        "csv." ~ path ~ " with (multiLine = true, quote = '\"', escape = '\"', encoding = "
        ~ sql_text(form.encoding)
        ~ (", header = true" if "header" not in options else "")
        ~ (", " ~ options if options else "") ~ ")"
    ) }}
{% endmacro %}


{#- The values of aggregates over a file's rows; a file of which a row cannot be read is
    refused with the line. -#}
{% macro raw_counts(form, aggregates) %}
    {{ return(adapter.dispatch('raw_counts', 'moocmeta')(form, aggregates)) }}
{% endmacro %}

{% macro default__raw_counts(form, aggregates) %}
    {%- set query = "select " ~ (aggregates | join(", ")) ~ " from " -%}
    {%- if not form.is_text -%} {{ return(run_query(query ~ raw_reader(form))[0]) }} {%- endif -%}
    {%- do run_query("drop table if exists raw_rejects") -%}
    {%- do run_query("drop table if exists raw_reject_scans") -%}
    {%- set counts = run_query(query ~ raw_reader(form, "store_rejects = true, "
        ~ "rejects_table = 'raw_rejects', rejects_scan = 'raw_reject_scans', "
        ~ "rejects_limit = 1"))[0] -%}
    {%- if run_query("select count(*) from raw_rejects")[0][0] == 0 -%}
        {{ return(counts) }}
    {%- endif -%}
    {%- do refuse_row(form) -%}
    {#- no row is at fault: several threads guessed wrong where one begins -#}
    {%- do form.update({"options": "parallel = false"}) -%}
    {{ return(run_query(query ~ raw_reader(form))[0]) }}
{% endmacro %}

{% macro spark__raw_counts(form, aggregates) %}
    {{ return(run_query("select " ~ (aggregates | join(", ")) ~ " from " ~ raw_reader(form))[0]) }}
{% endmacro %}


{#- Fail with the first row that is none; pass where every row is sound. -#}
{% macro refuse_row(form) %}
    {%- set fault = fromjson(run_query(
        "select text_fault(" ~ sql_text(form.path) ~ ", " ~ sql_text(form.encoding) ~ ")"
    )[0][0]) -%}
    {%- if not fault -%} {{ return("") }} {%- endif -%}
    {%- set fields, missing = fault.fields | map("trim") | map("lower") | list, [] -%}
    {%- for column in form.found.values() if column.name | trim | lower not in fields -%}
        {%- do missing.append(column) -%}
    {%- endfor -%}
    {%- set what = "holds a quote that is not closed, or text behind a closing one; mend it"
        if fault.what == "quote"
        else "has " ~ fault.what ~ " fields than the header's " ~ (form.columns | length)
        ~ "; mend or remove it" if missing
        else "is a second header; keep every export in a file of its own" -%}
    {%- do exceptions.raise_compiler_error(form.path ~ ": line " ~ fault.line ~ " " ~ what) -%}
{% endmacro %}


{#- Where the first row of a file for which a condition holds stands, in words, and what
    it has in a column. -#}
{% macro raw_place(form, condition, ref="null") %}
    {{ return(adapter.dispatch('raw_place', 'moocmeta')(form, condition, ref)) }}
{% endmacro %}

{% macro default__raw_place(form, condition, ref) %}
    {%- set number = "row_number() over ()" if form.is_text else "file_row_number" -%}
    {%- set reader = raw_reader(
        form, "parallel = false" if form.is_text else "file_row_number = true"
    ) -%}
    {%- set row, example = run_query(
        "select min(n), arg_min(value, n) from (select " ~ number ~ " as n, coalesce(cast("
        ~ ref ~ " as string), '') as value, " ~ condition ~ " as is_it from " ~ reader
        ~ ") where is_it"
    )[0] -%}
    {%- if not form.is_text -%} {{ return(["row " ~ (row + 1), example]) }} {%- endif -%}
    {%- set line = run_query(
        "select line_of(" ~ sql_text(form.path) ~ ", " ~ row ~ ")"
    )[0][0] -%}
    {{ return(["line " ~ line, example]) }}
{% endmacro %}

{% macro spark__raw_place(form, condition, ref) %}
    {%- set row, example = run_query(
        "select min(n), min_by(value, n) from (select row_number() over (order by id) as n, "
        ~ "value, is_it from (select monotonically_increasing_id() as id, coalesce(cast("
        ~ ref ~ " as string), '') as value, " ~ condition ~ " as is_it from "
        ~ raw_reader(form) ~ ")) where is_it"
    )[0] -%}
    {{ return(["row " ~ row ~ (" below the header" if form.is_text else ""), example]) }}
{% endmacro %}


{#- Rows as one number that their order does not change. -#}
{% macro rows_digest(names) %}
    {{ return(adapter.dispatch('rows_digest', 'moocmeta')(names | join(", "))) }}
{% endmacro %}

{% macro default__rows_digest(names) %}
    {{ return("sum(cast(hash(" ~ names ~ ") as hugeint))") }}
{% endmacro %}

{% macro spark__rows_digest(names) %}
    {{ return("sum(cast(xxhash64(" ~ names ~ ") as decimal(38, 0)))") }}
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
    {%- elif wanted == "BIGINT" and found_type in ("VARCHAR", "FLOAT", "DOUBLE") -%}
        {#- 7.0 is a whole number, 7.5 is none -#}
        {%- set number = "try_cast(" ~ ref ~ " as decimal(38, 9))" -%}
        {{ return(
            "case when " ~ number ~ " = floor(" ~ number ~ ") then try_cast(" ~ number
            ~ " as bigint) end"
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


{#- A path as a DuckDB glob pattern that matches nothing but that path. -#}
{% macro literal_glob(path) %}
    {{ return(
        path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")
    ) }}
{% endmacro %}

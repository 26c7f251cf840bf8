{#- How an engine reads a raw file, and tells which row it cannot read. -#}

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
    {%- do forget_rejects() -%}
    {%- set counts = run_query(query ~ raw_reader(form, set_rejects_aside()))[0] -%}
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


{#- DuckDB's option to read on where a row is none, and to keep such rows. -#}
{% macro set_rejects_aside() %}
    {{ return("store_rejects = true, rejects_table = 'raw_rejects', "
        ~ "rejects_scan = 'raw_reject_scans', rejects_limit = 1") }}
{% endmacro %}

{% macro forget_rejects() %}
    {%- do run_query("drop table if exists raw_rejects") -%}
    {%- do run_query("drop table if exists raw_reject_scans") -%}
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

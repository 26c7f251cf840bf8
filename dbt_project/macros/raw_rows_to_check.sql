{#- `raw_rows` of a large text file for a model that is a table, read once in place of
    twice: its values are checked as the table holds them, by the hook
    `check_staged_rows`, for of a column text takes longer to parse than to read again.

    All is as with `raw_rows`, and it is `raw_rows` wherever that has more to do than to
    read one sound file: several files, another form or encoding, an engine that cannot
    set aside rows which are none. -#}
{% macro raw_rows_to_check(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {%- set folder = raw_root() ~ "/" ~ source_name -%}
    {%- set files = raw_files(folder) -%}
    {%- set paths = files_like(files, folder, description.files) -%}
    {%- if target.type != "duckdb" or paths | length != 1 or paths[0].endswith(".parquet") -%}
        {{ return(raw_rows(source_name, table_name)) }}
    {%- endif -%}
    {%- for column in description.columns
        if column.config.meta.get("nullable", false) and column.data_type != "varchar" -%}
        {#- null as well as not to be read: the table could not tell -#}
        {{ return(raw_rows(source_name, table_name)) }}
    {%- endfor -%}
    {%- set form = raw_form(paths[0]) -%}
    {%- if form.fault or not form.is_tidy -%}
        {{ return(raw_rows(source_name, table_name)) }}
    {%- endif -%}

    {%- if not description.beside -%}
        {%- do name_unread(source_name, folder, files) -%}
    {%- endif -%}
    {%- set found = raw_columns(form, description.columns) -%}
    {%- set expressions = [] -%}
    {%- for column in description.columns -%}
        {%- set value = raw_value(column, found[column.name].ref, found[column.name].type)
            if column.name in found
            else "cast(null as " ~ type_name(column.data_type) ~ ")" -%}
        {%- do expressions.append(value ~ " as " ~ column.name) -%}
    {%- endfor -%}
    {%- do forget_rejects() -%}
    (
        {{ to_check() }}select {{ expressions | join(", ") }}
        from {{ raw_reader(form, set_rejects_aside()) }}{{ to_check() }}
    )
{%- endmacro %}


{#- What stands around a query whose rows are still to be checked. -#}
{% macro to_check() %} {{ return("/* to check */") }} {% endmacro %}


{#- A hook of a table that `raw_rows_to_check` filled: where a value needs a look, or a row
    was none, `raw_rows` decides, which fails or settles, and the table is filled anew.

    Args:
        columns: of the file, each with the table's column that holds its values.
        ids: a relation of ids that passed such a check, and its column: values that equal
            one of them need not be in the table. -#}
{% macro check_staged_rows(source_name, table_name, columns, ids) -%}
    {%- set parts = sql.split(to_check()) if execute else [] -%}
    {%- if parts | length == 3 -%}
        {%- set need_look = [] -%}
        {%- for column in raw_description(source_name, table_name).columns -%}
            {%- set value = columns[column.name] -%}
            {%- if not column.config.meta.get("nullable", false) -%}
                {%- do need_look.append("not coalesce(" ~ is_good_value(column, value) ~ ", false)") -%}
            {%- endif -%}
            {%- if column.data_type == "varchar" -%}
                {%- do need_look.append(is_odd_text(value)) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set n_odd = run_query(
            "select (select count(*) from raw_rejects) + (select count(*) from " ~ this
            ~ " where " ~ (need_look | join(" or ")) ~ ") + (select count(*) from " ~ ids[0]
            ~ " where " ~ is_odd_text(ids[1]) ~ ")"
        )[0][0] -%}
        {%- if n_odd > 0 -%}
            {%- set rows = raw_rows(source_name, table_name) -%}
            {%- do run_query("delete from " ~ this) -%}
            {%- do run_query(
                "insert into " ~ this ~ " " ~ parts[0] ~ "select * from " ~ rows ~ parts[2]
            ) -%}
        {%- endif -%}
    {%- endif -%}
    select 1
{%- endmacro %}

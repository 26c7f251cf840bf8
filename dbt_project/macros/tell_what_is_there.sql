{#- Say in one line which data sets have raw files; all others are empty relations. -#}
{% macro tell_what_is_there() %}
    {%- if execute -%}
        {%- set raw = raw_root() -%}
        {%- set patterns = {} -%}
        {%- for node in graph.sources.values()
            if "/staging/" in node.original_file_path and node.config.meta.files -%}
            {%- do patterns.setdefault(node.source_name, []).extend(
                node.config.meta.files + node.config.meta.get("needs_ingest", [])
            ) -%}
        {%- endfor -%}
        {%- set own = own_records() | list -%}
        {%- do name_unread_own(raw, own, patterns) -%}
        {%- set there, absent = own | list, [] -%}
        {%- for name in patterns | sort -%}
            {%- set folder = raw ~ "/" ~ name -%}
            {%- set paths = files_like(raw_files(folder), folder, patterns[name]) -%}
            {%- do (there if paths else absent).append(name) -%}
        {%- endfor -%}
        {%- set without = "; no files, so empty: " ~ (absent | join(", ")) -%}
        {%- do log(
            "raw files in " ~ raw ~ ": " ~ (there | join(", ")) ~ (without if absent else "")
            if there else "[WARNING]: no raw files in " ~ raw ~ ": all relations are empty",
            info=true
        ) -%}
    {%- endif -%}
    select 1
{% endmacro %}


{#- Warn of what lies beside an own log, and of folders that nobody ingested. -#}
{% macro name_unread_own(raw, own, built_in) %}
    {%- set unread = {} -%}
    {%- for path in raw_files(raw) -%}
        {%- set folder, _, file = path[raw | length + 1:].partition("/") -%}
        {%- if file and folder not in built_in
            and not (folder in own and file in [folder ~ ".parquet", "dataset.yml"]) -%}
            {%- do unread.setdefault(folder, []).append(file) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for folder, files in unread.items() -%}
        {%- do log(
            "[WARNING]: " ~ raw ~ "/" ~ folder ~ ": not read: " ~ few(files)
            ~ "; move it out and run `moocmeta ingest " ~ folder ~ " FILE"
            ~ (" --append`" if folder in own else "`"), info=true
        ) -%}
    {%- endfor -%}
{% endmacro %}

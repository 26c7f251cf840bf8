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
        {%- set there, absent = own_records() | list, [] -%}
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

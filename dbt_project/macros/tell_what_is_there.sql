{#- Say in one line which data sets have raw files; all others are empty relations. -#}
{% macro tell_what_is_there() %}
    {%- if execute -%}
        {%- set raw = env_var("MOOCMETA_DATA_DIR", "sample_data") ~ "/raw" -%}
        {%- set patterns = {} -%}
        {%- for node in graph.sources.values()
            if "/staging/" in node.original_file_path -%}
            {%- do patterns.setdefault(node.source_name, []).extend(
                node.config.meta.files + node.config.meta.get("needs_ingest", [])
            ) -%}
        {%- endfor -%}
        {%- set there, absent = [], [] -%}
        {%- for name in patterns | sort -%}
            {%- set paths = raw_paths(raw ~ "/" ~ name, patterns[name]) -%}
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

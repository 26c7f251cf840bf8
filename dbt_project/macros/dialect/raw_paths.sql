{#- How an engine finds raw files. -#}

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


{#- A path as a DuckDB glob pattern that matches nothing but that path. -#}
{% macro literal_glob(path) %}
    {{ return(
        path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")
    ) }}
{% endmacro %}

{#- The typed rows of a run's export, as a subquery: see `raw_rows` for how a source's
    YAML describes the file.

    The run is $MOOCMETA_RUN, else the newest with item parameters; none gives an empty
    relation and a warning, a named run without exports an error. -#}
{% macro run_rows(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {#- its ids are settled: 7.0 there is no 7 of another file -#}
    {%- do description.update({"is_own": true}) -%}
    {%- set folder = run_exports_folder() -%}
    {%- set paths = raw_paths(folder, description.files) if folder else [] -%}
    {%- if paths -%}
        {{ return("(" ~ raw_file(paths[0], description).query ~ ")") }}
    {%- endif -%}
    {%- if folder -%}
        {%- do log(
            "[WARNING]: " ~ folder ~ "/" ~ description.files[0] ~ " is missing: "
            ~ "what comes from it is empty", info=true
        ) -%}
    {%- elif not description.beside -%}
        {%- do log(
            "[WARNING]: no run with item parameters: student_mastery and "
            ~ "item_health are empty until `moocmeta-train --mart kt_sequences` and "
            ~ "`dbt build --select kt_exports`", info=true
        ) -%}
    {%- endif -%}
    {{ return("(" ~ empty_select(description.columns) ~ ")") }}
{%- endmacro %}


{#- The folder of the chosen run's exports, none where there is no run. Names of runs
    begin with their time, so the last is the newest; the second run of a second ends
    with -2, the tenth with -10. -#}
{% macro run_exports_folder() %}
    {%- set runs = env_var("MOOCMETA_RUNS_DIR", "runs") -%}
    {%- set run = env_var("MOOCMETA_RUN", "") -%}
    {%- if run -%}
        {%- if not raw_paths(runs ~ "/" ~ run ~ "/exports", ["*.parquet"]) -%}
            {%- do exceptions.raise_compiler_error(
                runs ~ "/" ~ run ~ "/exports: no exports of knowledge tracing; "
                ~ "name another run in MOOCMETA_RUN"
            ) -%}
        {%- endif -%}
        {{ return(runs ~ "/" ~ run ~ "/exports") }}
    {%- endif -%}
    {%- set found = [] -%}
    {%- for path in raw_paths(runs, ["*/exports/item_params.parquet"]) -%}
        {%- set folder = path.rsplit("/", 1)[0] -%}
        {%- do found.append({
            "folder": folder, "order": natural_order(folder.split("/")[-2])
        }) -%}
    {%- endfor -%}
    {{ return((found | sort(attribute="order"))[-1].folder if found else none) }}
{% endmacro %}


{#- A name's texts and numbers in turn, so that -2 sorts before -10. -#}
{% macro natural_order(name) %}
    {%- set parts = [] -%}
    {%- for part in modules.re.split("([0-9]+)", name) -%}
        {%- do parts.append(part | int if loop.index0 % 2 else part) -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}

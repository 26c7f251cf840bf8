{#- The typed rows of a run's export, as a subquery: see `raw_rows` for how a source's
    YAML describes the file.

    The run is $MOOCMETA_RUN, else the newest with item parameters; none gives an empty
    relation and a warning, a named run without exports an error. So do a newest and a
    named run that were made from other marts than these: their numbers mean other items
    and answers here. -#}
{% macro run_rows(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}  {#- draws the lineage -#}
    {%- set marts = {"vocab": ref("vocab"), "responses": ref("responses")} -%}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description(source_name, table_name) -%}
    {#- its ids are settled: 7.0 there is no 7 of another file -#}
    {%- do description.update({"is_own": true}) -%}
    {%- set folder = run_exports_folder(marts) -%}
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


{#- The folder of the chosen run's exports, none where there is no run. -#}
{% macro run_exports_folder(marts) %}
    {%- set runs = env_var("MOOCMETA_RUNS_DIR", "runs") -%}
    {%- set run = env_var("MOOCMETA_RUN", "") -%}
    {%- if run -%}
        {%- if not raw_paths(runs ~ "/" ~ run ~ "/exports", ["*.parquet"]) -%}
            {%- do exceptions.raise_compiler_error(
                runs ~ "/" ~ run ~ "/exports: no exports of knowledge tracing; "
                ~ "name another run in MOOCMETA_RUN"
            ) -%}
        {%- endif -%}
        {%- set why = why_of_other_marts(runs ~ "/" ~ run ~ "/exports", marts) -%}
        {%- if why -%} {%- do exceptions.raise_compiler_error(why) -%} {%- endif -%}
        {{ return(runs ~ "/" ~ run ~ "/exports") }}
    {%- endif -%}
    {%- set newest = newest_run_with(runs, "exports/item_params.parquet") -%}
    {%- set why = why_of_other_marts(newest, marts) if newest -%}
    {%- if why -%} {%- do log("[WARNING]: " ~ why, info=true) -%} {%- endif -%}
    {{ return(none if why else newest) }}
{% endmacro %}


{#- In words, why a run's exports are not of these marts: an item or an answer (one of a
    hundred is looked at) that is another here, or answers that it has not seen. Marts
    that are not built, or have no such data set, are not compared. -#}
{% macro why_of_other_marts(folder, marts) %}
    {%- if not is_built(marts.vocab) or not is_built(marts.responses) -%}
        {{ return("") }}
    {%- endif -%}
    {%- set run = {} -%}
    {%- for table in ["item_params", "sakt_predictions"] -%}
        {%- set description = raw_description("kt_run", table) -%}
        {%- do description.update({"is_own": true}) -%}
        {%- for path in raw_paths(folder, description.files) -%}
            {%- do run.update({table: "(" ~ raw_file(path, description).query ~ ") as run"}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set counts = [] -%}
    {%- if run.item_params -%}
        {%- do counts.append(
            "select count(*) from " ~ run.item_params ~ " left join " ~ marts.vocab
            ~ " as marts on run.dataset = marts.dataset and run.item_id = marts.item_id"
            ~ " and run.item_key = marts.item_key where marts.item_id is null"
            ~ " and run.dataset in (select dataset from " ~ marts.vocab ~ ")"
        ) -%}
    {%- endif -%}
    {%- if run.sakt_predictions -%}
        {%- do counts.append(
            "select count(*) from " ~ run.sakt_predictions ~ " left join "
            ~ marts.responses ~ " as marts on run.dataset = marts.dataset"
            ~ " and run.response_id = marts.response_id and run.user_id = marts.user_id"
            ~ " and run.item_id = marts.item_id and run.actual = marts.correct"
            ~ " and run.answered_at = marts.answered_at"
            ~ " where run.response_id % 100 = 0 and marts.response_id is null"
            ~ " and run.dataset in (select dataset from " ~ marts.vocab ~ ")"
        ) -%}
        {%- do counts.append(
            "select count(*) from " ~ marts.responses ~ " as marts left join "
            ~ run.sakt_predictions ~ " on run.dataset = marts.dataset"
            ~ " and run.response_id = marts.response_id where run.response_id is null"
            ~ " and marts.dataset in (select run.dataset from " ~ run.sakt_predictions ~ ")"
        ) -%}
    {%- endif -%}
    {%- for count in counts -%}
        {%- set n_other = run_query(count)[0][0] -%}
        {%- if n_other > 0 -%}
            {{ return(
                folder ~ " is of another build: " ~ n_other ~ " of its rows or of the"
                ~ " marts' have no counterpart; train anew, or name another run in"
                ~ " MOOCMETA_RUN"
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return("") }}
{% endmacro %}


{#- The exports folder of the newest run that has a file, none where there is none. Names
    of runs begin with their time, so the last is the newest; the second run of a second
    ends with -2, the tenth with -10. -#}
{% macro newest_run_with(runs, file) %}
    {%- set found = [] -%}
    {%- for path in raw_paths(runs, ["*/" ~ file]) -%}
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

{#- The typed rows of the lists that `moocmeta recommend --all` left in a run, as a
    subquery: see `raw_rows` for how a source's YAML describes the file.

    The run is $MOOCMETA_LIST_RUN, else the newest with lists; none gives an empty relation
    and a warning, a named run without lists an error. So do a newest and a named run whose
    users and items are not those of these marts. -#}
{% macro rec_run_rows() -%}
    {%- set relation = source("rec_run", "recommendations") -%}  {#- draws the lineage -#}
    {%- set marts = {"vocab": ref("vocab"), "users": ref("user_latest")} -%}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set description = raw_description("rec_run", "recommendations") -%}
    {%- do description.update({"is_own": true}) -%}
    {%- set path = lists_file(description, marts) -%}
    {%- if path -%} {{ return("(" ~ raw_file(path, description).query ~ ")") }} {%- endif -%}
    {{ return("(" ~ empty_select(description.columns) ~ ")") }}
{%- endmacro %}


{#- The file of the chosen run's lists, none where there is none to be read. -#}
{% macro lists_file(description, marts) %}
    {%- set runs = env_var("MOOCMETA_RUNS_DIR", "runs") -%}
    {%- set run = env_var("MOOCMETA_LIST_RUN", "") -%}
    {%- set tells = model.resource_type == "model" -%}  {#- once, and not in each test -#}
    {%- set file = "exports/" ~ description.files[0] -%}
    {%- set folder = runs ~ "/" ~ run ~ "/exports" if run else newest_run_with(runs, file) -%}
    {%- set paths = raw_paths(folder, description.files) if folder else [] -%}
    {%- if run and not paths -%}
        {%- do exceptions.raise_compiler_error(
            folder ~ ": no lists; write them with `moocmeta recommend --run " ~ run
            ~ " --all`, or name another run in MOOCMETA_LIST_RUN"
        ) -%}
    {%- endif -%}
    {%- if not paths -%}
        {%- do log(
            "[WARNING]: no run with lists: recommendations is empty until `moocmeta "
            ~ "recommend --all --write FILE` and `dbt build --select rec_exports`",
            info=tells
        ) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set why = why_of_other_users(paths[0], description, marts) -%}
    {%- if why and run -%} {%- do exceptions.raise_compiler_error(why) -%} {%- endif -%}
    {%- if why -%} {%- do log("[WARNING]: " ~ why, info=tells) -%} {%- endif -%}
    {{ return(none if why else paths[0]) }}
{% endmacro %}


{#- In words, why lists are not of these marts: most of their rows are of another user, of
    one who had not done so much, or of another item. Marts that are not built, or have no
    such data set, are not compared; a few rows that do not fit fail the tests. -#}
{% macro why_of_other_users(path, description, marts) %}
    {%- if not is_built(marts.vocab) or not is_built(marts.users) -%}
        {{ return("") }}
    {%- endif -%}
    {%- set counts = run_query(
        "select count(*), count(vocab.item_key), count(users.user_id) from ("
        ~ raw_file(path, description).query ~ ") as run left join " ~ marts.vocab
        ~ " as vocab on run.dataset = vocab.dataset and run.item_key = vocab.item_key"
        ~ " left join " ~ marts.users ~ " as users on run.dataset = users.dataset"
        ~ " and run.user_id = users.user_id and run.as_of <= users.as_of"
        ~ " where run.dataset in (select dataset from " ~ marts.vocab ~ ")"
    )[0] -%}
    {%- if 2 * ([counts[1], counts[2]] | min) < counts[0] -%}
        {{ return(
            path ~ " is of another build: " ~ (counts[0] - ([counts[1], counts[2]] | min))
            ~ " of its rows have no such user or item here; write the lists anew, or name"
            ~ " another run in MOOCMETA_LIST_RUN"
        ) }}
    {%- endif -%}
    {{ return("") }}
{% endmacro %}

{#- Make the folder of an export, and all above it. -#}
{% macro prepare_export(out) %}
    {%- do adapter.dispatch('prepare_export', 'moocmeta')(out) -%}
{% endmacro %}

{% macro default__prepare_export(out) %}
    {%- set parts = out.split("/") -%}
    {%- for depth in range(1, parts | length + 1) if "://" not in out -%}
        {%- if parts[depth - 1] -%}  {#- a leading slash is none #}
            {%- do empty_folder("/".join(parts[:depth]), "overwrite_or_ignore") -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro spark__prepare_export(out) %} {% endmacro %}


{#- Write an ordered query's rows to `folder`, in place of what it held. -#}
{% macro export_rows(query, folder) %}
    {%- do adapter.dispatch('export_rows', 'moocmeta')(query, folder) -%}
{% endmacro %}

{#- One file, in row groups: only so does DuckDB keep the order. -#}
{% macro default__export_rows(query, folder) %}
    {%- do empty_folder(folder, "overwrite") -%}
    {%- do run_query(
        "copy (" ~ query ~ ") to " ~ sql_text(folder ~ "/part-00000.parquet")
        ~ " (format parquet, compression zstd)"
    ) -%}
{% endmacro %}

{#- A file each task, named and ordered alike. -#}
{% macro spark__export_rows(query, folder) %}
    {%- do run_query(
        "insert overwrite directory " ~ sql_text(folder) ~ " using parquet "
        ~ "options (compression = 'zstd', 'parquet.block.size' = '16777216') " ~ query
    ) -%}
{% endmacro %}


{#- DuckDB makes folders for partitions only: here are none of no rows. -#}
{% macro empty_folder(folder, mode) %}
    {%- do run_query(
        "copy (select 1 as part, 1 as value where false) to " ~ sql_text(folder)
        ~ " (format parquet, partition_by (part), " ~ mode ~ " true)"
    ) -%}
{% endmacro %}

{#- The whole text of a small file. -#}
{% macro file_text(path) %}
    {{ return(adapter.dispatch('file_text', 'moocmeta')(path)) }}
{% endmacro %}

{% macro default__file_text(path) %}
    {{ return(run_query(
        "select content from read_text(" ~ sql_text(literal_glob(path)) ~ ")"
    )[0][0]) }}
{% endmacro %}

{% macro spark__file_text(path) %}
    {{ return(run_query(
        "select value from text." ~ adapter.quote(path) ~ " with (wholetext = true)"
    )[0][0]) }}
{% endmacro %}

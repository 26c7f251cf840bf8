{#- Raw rows as events, by what the source's YAML says becomes of them.

    `meta.becomes` of a column is its name in the event layer, `meta.value` an expression
    that takes the column's place; a column without either keeps its name. `meta.event_type`
    of a table is the action of every row, where rows name none. -#}
{% macro renamed_rows(source_name, table_name) -%}
    {%- set rows = raw_rows(source_name, table_name) -%}
    {%- if not execute -%} {{ return("select 1 as parsed_later") }} {%- endif -%}
    {%- set table = graph.sources["source.moocmeta." ~ source_name ~ "." ~ table_name] -%}
    {%- set staged = {"dataset": "'" ~ source_name ~ "'"} -%}
    {%- for column in table.columns.values() -%}
        {%- set meta = column.config.meta -%}
        {%- do staged.update({meta.becomes or column.name: meta.value or column.name}) -%}
    {%- endfor -%}
    {%- if table.config.meta.event_type -%}
        {%- do staged.update({"event_type": "'" ~ table.config.meta.event_type ~ "'"}) -%}
    {%- endif -%}
    {%- if "platform_session" not in staged -%}
        {%- do staged.update({"platform_session": "cast(null as string)"}) -%}
    {%- endif -%}
    select
        {% for name, value in staged.items() -%}
        {{ value }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ rows }}
{%- endmacro %}

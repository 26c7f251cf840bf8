{#- Write every mart, and the seed with the rules they were made by, as Parquet:
    OUT/<mart>/*.parquet, for
    `dbt run-operation export_marts --args '{out: OUT}'`.

    A mart's rows stand in the order of its key, files in the order of their names.
    What a folder of a mart held before is replaced.

    Args:
        out: folder, made if absent.
        marts: names, all if none are given. -#}
{% macro export_marts(out, marts=none) %}
    {%- set nodes = [] -%}
    {%- for node in graph.nodes.values() | sort(attribute="name") -%}
        {%- set is_mart = node.resource_type == "model"
            and node.config.contract.enforced -%}
        {%- if (is_mart or node.resource_type == "seed")
            and (marts is none or node.name in marts) -%}
            {%- do nodes.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in marts or [] if name not in nodes | map(attribute="name") -%}
        {%- do exceptions.raise_compiler_error(name ~ " is no mart of this project") -%}
    {%- endfor -%}

    {%- set folder = modules.re.sub("/+$", "", (out or "") | string) -%}
    {%- if folder | trim == "" or folder.endswith(":") -%}
        {%- do exceptions.raise_compiler_error(
            "out: '" ~ (out or "") ~ "' is no folder of its own; name one, such as exports"
        ) -%}
    {%- endif -%}
    {%- set out = folder -%}
    {%- do prepare_export(out) -%}
    {%- for node in nodes -%}
        {%- set relation = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias
        ) -%}
        {%- set rows = "select * from " ~ relation ~ " order by "
            ~ (mart_key(node) | join(", ")) -%}
        {%- do export_rows(rows, out ~ "/" ~ node.name) -%}
        {%- do log("wrote " ~ out ~ "/" ~ node.name, info=true) -%}
    {%- endfor -%}
{% endmacro %}


{#- The columns that tell a mart's rows apart: `config.meta.key`, else what the mart's
    first `key_is_unique` test says. -#}
{% macro mart_key(node) %}
    {%- if node.config.meta.key -%} {{ return(node.config.meta.key) }} {%- endif -%}
    {%- for test in graph.nodes.values()
        if test.attached_node == node.unique_id
        and test.test_metadata.name == "key_is_unique" -%}
        {{ return(test.test_metadata.kwargs.columns) }}
    {%- endfor -%}
    {%- do exceptions.raise_compiler_error(
        node.name ~ " has no key to be ordered by: give it a key_is_unique test or meta.key"
    ) -%}
{% endmacro %}

{#- Whether a relation stands in the database: one family may be built without another. -#}
{% macro is_built(relation) -%}
    {%- if not execute -%} {{ return(true) }} {%- endif -%}
    {{ return(
        adapter.get_relation(relation.database, relation.schema, relation.identifier)
        is not none
    ) }}
{%- endmacro %}


{#- Say which marts of episodes are no step of the funnel. -#}
{% macro tell_of_uncounted_episodes() %}
    {%- for node in (graph.nodes.values() if execute else []) -%}
        {%- if node.resource_type == "model" and node.name.startswith("episodes_")
            and node.name not in var("episode_marts") -%}
            {%- do log(
                "[WARNING]: " ~ node.name ~ " is no step of dataset_funnel: add it to "
                ~ "episode_marts in dbt_project.yml", info=true
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

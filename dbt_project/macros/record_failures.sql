{#- Keep which nodes failed, or were passed over since another had: training on such marts
    says so. A node that is well again leaves the list. -#}
{% macro record_failures(results) %}
    {{ adapter.dispatch('record_failures', 'moocmeta')(results) }}
{% endmacro %}

{% macro default__record_failures(results) %}
    {%- set seen, failed = ["''"], [] -%}
    {%- for result in (results if execute else [])
        if result.node.resource_type in ("model", "seed", "test") -%}
        {%- do seen.append(sql_text(result.node.unique_id)) -%}
        {%- if result.status | string in ("error", "fail", "skipped") -%}
            {%- do failed.append("(" ~ sql_text(result.node.unique_id) ~ ", "
                ~ sql_text(result.node.name) ~ ", " ~ sql_text(result.status | string) ~ ")") -%}
        {%- endif -%}
    {%- endfor -%}
    create schema if not exists intermediate;
    create table if not exists intermediate.failed_nodes (
        node_id varchar, name varchar, status varchar
    );
    delete from intermediate.failed_nodes where node_id in ({{ seen | join(", ") }});
    {% if failed -%}
    insert into intermediate.failed_nodes values {{ failed | join(", ") }};
    {%- endif -%}
{% endmacro %}

{#- Training does not read Spark's own tables, and exports are made after the tests. -#}
{% macro spark__record_failures(results) %} select 1 {% endmacro %}

{#- Apply MOOCMETA_THREADS and MOOCMETA_MEMORY_LIMIT; the engine's defaults else. -#}
{% macro limit_engine() -%}
    {{ adapter.dispatch('limit_engine', 'moocmeta')() }}
{%- endmacro %}

{% macro default__limit_engine() %}
    {%- set threads = env_var("MOOCMETA_THREADS", "") -%}
    {%- set memory_limit = env_var("MOOCMETA_MEMORY_LIMIT", "") -%}
    {%- if execute and threads -%}
        {%- do run_query("set threads = " ~ (threads | int)) -%}
    {%- endif -%}
    {%- if execute and memory_limit -%}
        {%- do run_query("set memory_limit = " ~ sql_text(memory_limit)) -%}
    {%- endif -%}
    select 1
{% endmacro %}

{#- A session's limits are set as it starts: profiles.yml. -#}
{% macro spark__limit_engine() -%} select 1 {%- endmacro %}

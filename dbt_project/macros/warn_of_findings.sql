{#- Say what `causal_audit` found that nobody should overlook, a line each. -#}
{% macro warn_of_findings(audit) %}
    {%- if execute -%}
        {%- for row in run_query(
            "select dataset, finding, n_rows, names from " ~ audit
            ~ " where is_warning order by dataset, finding_number"
        ) -%}
            {%- set names = ": " ~ row[3] if row[3] else "" -%}
            {%- do log(
                "[WARNING]: " ~ row[0] ~ ": " ~ row[2] ~ " " ~ row[1] ~ names, info=true
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    select 1
{% endmacro %}

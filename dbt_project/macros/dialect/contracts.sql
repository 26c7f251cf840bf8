{#- Contracts on Spark. DuckDB enforces them by itself. -#}

{#- The columns a contract asks for, in Spark's types: dbt compares a model's with them. -#}
{% macro spark__get_empty_schema_sql(columns) %}
    {{ return(empty_select(columns.values())) }}
{% endmacro %}

{#- A Parquet table has no constraints, so what was written is counted. -#}
{% macro spark__persist_constraints(relation, model) %}
    {%- set broken = [] -%}
    {%- for column in model.columns.values() -%}
        {%- for constraint in column.constraints -%}
            {%- if constraint.type == "not_null" -%}
                {%- do broken.append(column.name ~ " is null") -%}
            {%- else -%}
                {%- do broken.append("not (" ~ constraint.expression ~ ")") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if broken and config.get("contract").enforced -%}
        {%- set counts = run_query(
            "select count_if(" ~ (broken | join("), count_if(")) ~ ") from " ~ relation
        )[0] -%}
        {%- for condition in broken -%}
            {%- set n_rows = counts[loop.index0] -%}
            {%- if n_rows > 0 -%}
                {%- do exceptions.raise_compiler_error(
                    relation ~ ": " ~ condition ~ " in " ~ n_rows
                    ~ " rows, against its contract"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- Rows that dbt writes as literals on Spark: seeds and the fixtures of unit tests. -#}

{#- The adapter's own macro would write an empty cell as the text 'None'. -#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = model.config.column_types -%}
    {%- set rows = [] -%}
    {%- for row in agate_table.rows -%}
        {%- set values = [] -%}
        {%- for name in agate_table.column_names -%}
            {%- set value = "null" if row[name] is none else sql_text(row[name] | string) -%}
            {%- do values.append("cast(" ~ value ~ " as " ~ types[name] ~ ")") -%}
        {%- endfor -%}
        {%- do rows.append("(" ~ (values | join(", ")) ~ ")") -%}
    {%- endfor -%}
    {%- set sql = "insert into " ~ this ~ " values\n" ~ (rows | join(",\n")) -%}
    {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
    {{ return(sql) }}
{% endmacro %}

{#- A list of a fixture, [1, 2], as Spark writes it. -#}
{% macro spark__safe_cast(field, type) -%}
    {%- set value = field -%}
    {%- if field is iterable and field is not string -%}
        {%- set values = [] -%}
        {%- for item in field -%}
            {%- do values.append(sql_text(item) if item is string else item | string) -%}
        {%- endfor -%}
        {%- set value = "array(" ~ (values | join(", ")) ~ ")" -%}
    {%- endif -%}
    cast({{ value }} as {{ type }})
{%- endmacro %}

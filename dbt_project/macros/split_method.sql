{#- How a row of `datasets` is split: as it says, or as the variable says for all. -#}
{% macro split_method() -%}
    {%- set for_all = var("split_method", none) -%}
    {%- if for_all in ("user", "time") -%} '{{ for_all }}'
    {%- elif for_all is none -%} split_method
    {%- else -%}
        {%- do exceptions.raise_compiler_error(
            "variable split_method is " ~ for_all ~ "; it must be user or time"
        ) -%}
    {%- endif -%}
{%- endmacro %}

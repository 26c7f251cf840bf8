{#- What an engine finds a raw file to be. -#}

{#- What a raw file is: `path`, `is_text`, `encoding`, `columns` ({name, ref, type,
    is_text, raw} in their order; `ref` is how SQL calls it) or, in words, the `fault`
    that makes it unreadable as a whole. -#}
{% macro raw_form(path) %}
    {%- set form = {"path": path, "fault": "", "encoding": "utf-8"} -%}
    {%- do form.update({"is_text": not path.endswith(".parquet")}) -%}
    {%- do form.update(adapter.dispatch('raw_form', 'moocmeta')(path, form.is_text)) -%}
    {{ return(form) }}
{% endmacro %}

{% macro default__raw_form(path, is_text) %}
    {%- if is_text -%}
        {%- set form = fromjson(
            run_query("select text_form(" ~ sql_text(path) ~ ")")[0][0]
        ) -%}
        {%- set columns = [] -%}
        {%- for name in form.get("header", []) -%}
            {%- do columns.append(raw_column(name, "c" ~ loop.index0, "VARCHAR")) -%}
        {%- endfor -%}
        {%- do form.update({"columns": columns}) -%}
        {{ return(form) }}
    {%- endif -%}
    {%- set file = sql_text(literal_glob(path)) -%}
    {%- if run_query("select size from read_blob(" ~ file ~ ")")[0][0] == 0 -%}
        {{ return({"fault": "the file is empty; remove it"}) }}
    {%- endif -%}
    {#- of two columns user_id and USER_ID DuckDB calls the second USER_ID_1 -#}
    {%- set names = run_query(
        "select name from parquet_schema(" ~ file ~ ")"
    ).columns[0].values() | map("lower") | list -%}
    {%- set columns = [] -%}
    {%- for row in run_query("describe select * from read_parquet(" ~ file ~ ")") -%}
        {%- set again = modules.re.sub("_[0-9]+$", "", row[0] | lower) -%}
        {%- set is_again = row[0] | lower not in names and names.count(again) > 1 -%}
        {%- do columns.append(
            raw_column(again if is_again else row[0], adapter.quote(row[0]), row[1])
        ) -%}
    {%- endfor -%}
    {{ return({"columns": columns}) }}
{% endmacro %}

{#- Spark would read what is no UTF-8 as question marks, and drop or invent fields
    where a row has more or fewer than the header. An empty file it does not even list. -#}
{% macro spark__raw_form(path, is_text) %}
    {%- do refuse_odd_path(path) -%}
    {%- set form = {"path": path, "is_text": is_text, "encoding": "utf-8"} -%}
    {%- if is_text -%}
        {%- set n_odd, n_nul, n_other = run_query(
            "select count_if(not is_valid_utf8(value)), count_if(contains(value, chr(0))), "
            ~ "count_if(not is_valid_utf8(value) and "
            ~ "hex(value) rlike '^(..)*(81|8D|8F|90|9D)') from text." ~ adapter.quote(path)
        )[0] -%}
        {%- if n_nul > 0 -%}
            {{ return({"fault": "the file holds NUL bytes: damaged, or UTF-16 or UTF-32; "
                ~ "save it as UTF-8"}) }}
        {%- elif n_other > 0 -%}
            {{ return({"fault": "the file is neither UTF-8 nor Windows-1252; "
                ~ "save it as UTF-8"}) }}
        {%- elif n_odd > 0 -%}
            {%- do form.update({"encoding": "windows-1252"}) -%}
        {%- endif -%}
    {%- endif -%}
    {%- set names = [] -%}
    {%- if is_text -%}
        {%- for name in run_query(
            "select * from " ~ raw_reader(form, "header = false") ~ " limit 1"
        )[0] -%}
            {%- do names.append((name or "") | replace("\ufeff", "")) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for row in run_query("describe query select * from " ~ raw_reader(form)) -%}
        {%- do columns.append(raw_column(
            names[loop.index0] if is_text else row[0],
            adapter.quote(row[0] | replace("`", "``")), row[1]
        )) -%}
    {%- endfor -%}
    {%- do form.update({"columns": columns}) -%}
    {%- if is_text -%}
        {%- set modes = [] -%}
        {%- for mode in ["permissive", "dropmalformed"] -%}
            {%- do modes.append("(select count(*) from " ~ raw_reader(
                form, "columnPruning = false, mode = '" ~ mode ~ "'") ~ ")") -%}
        {%- endfor -%}
        {%- set n_rows = run_query("select " ~ (modes | join(" - "))).columns[0].values()[0] -%}
        {%- if n_rows > 0 -%}
            {%- do form.update({"fault": n_rows ~ " rows have more or fewer fields than "
                ~ "the header; keep every export in a file of its own, mend those rows"}) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(form) }}
{% endmacro %}


{#- A column of a raw file; bytes are taken for the UTF-8 text that they are meant as. -#}
{% macro raw_column(name, ref, found_type) %}
    {%- set is_bytes = found_type | lower in ("blob", "binary") -%}
    {{ return({
        "name": name,
        "raw": ref,
        "ref": text_of_bytes(ref) if is_bytes else ref,
        "type": type_name("varchar") if is_bytes else found_type,
        "is_text": is_bytes or found_type | lower in ("varchar", "string"),
    }) }}
{% endmacro %}


{#- Bytes as UTF-8 text, null where they are none. -#}
{% macro text_of_bytes(bytes) %}
    {{ return(adapter.dispatch('text_of_bytes', 'moocmeta')(bytes)) }}
{% endmacro %}

{% macro default__text_of_bytes(bytes) %} {{ return("try(decode(" ~ bytes ~ "))") }} {% endmacro %}

{% macro spark__text_of_bytes(bytes) %}
    {{ return("try_validate_utf8(cast(" ~ bytes ~ " as string))") }}
{% endmacro %}

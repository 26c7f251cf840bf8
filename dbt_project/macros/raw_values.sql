{#- What a raw value is, decided once for every file of every form: see docs/data-sets.md,
    "What a raw file may look like". -#}

{#- Whether a text says that there is no value. -#}
{% macro is_no_value(text) %}
    {%- set words = ["", "nan", "null", "none", "na", "n/a", "<na>", "#n/a", "nat", "\\n"] -%}
    {%- set literals = [] -%}
    {%- for word in words -%} {%- do literals.append(sql_text(word)) -%} {%- endfor -%}
    {#- the length first: it is cheap, and few values are that short -#}
    {{ return(
        "case when " ~ bytes_of(text) ~ " <= 4 then lower(" ~ text ~ ") in ("
        ~ (literals | join(", ")) ~ ") else false end"
    ) }}
{% endmacro %}


{#- A text without the blanks, tabs and line ends around it. -#}
{% macro bare(text) %}
    {{ return("trim(both " ~ blanks() ~ " from " ~ text ~ ")") }}
{% endmacro %}

{% macro blanks() %} {{ return("(' ' || chr(9) || chr(10) || chr(13))") }} {% endmacro %}


{#- Check the columns of a file in one pass, put its values into `values`, and return the
    number of rows. A value that is missing or of another type is an error with file,
    line, column and the value. A column that may be empty says so with `meta.nullable`. -#}
{% macro check_raw_values(form, columns, values) %}
    {%- set checks = ["count(*)"] -%}
    {%- for column in columns -%}
        {%- set found = form.found[column.name] -%}
        {%- set value = raw_value(column, found.ref, found.type) -%}
        {%- if value is none -%}
            {%- do exceptions.raise_compiler_error(
                form.path ~ ": column " ~ column.name ~ " is a " ~ found.type ~ ", not a "
                ~ (column.data_type | upper) ~ "; write it as one"
            ) -%}
        {%- endif -%}
        {%- do values.update({column.name: value}) -%}
        {%- set is_odd = "false" -%}
        {%- if column.data_type == "varchar" and not form.is_own -%}
            {%- set is_odd = is_odd_text(value) -%}
        {%- endif -%}
        {%- do checks.append(
            "count(*) filter (where " ~ is_bad_value(form, column, value) ~ ")"
        ) -%}
        {%- do checks.append("count(*) filter (where " ~ is_odd ~ ")") -%}
    {%- endfor -%}
    {%- do checks.append("count(*) filter (where " ~ is_second_header(form, columns) ~ ")") -%}
    {%- set counts = raw_counts(form, checks) -%}
    {%- if counts[-1] > 0 -%}
        {%- do exceptions.raise_compiler_error(
            form.path ~ ": " ~ raw_place(form, is_second_header(form, columns))[0]
            ~ " is the header again; keep every export in a file of its own"
        ) -%}
    {%- endif -%}
    {%- for column in columns -%}
        {%- set n_bad, n_odd = counts[2 * loop.index0 + 1], counts[2 * loop.index0 + 2] -%}
        {%- if n_odd > 0 -%}
            {%- do settle_texts(form, column, values) -%}
            {%- set is_bad = is_bad_value(form, column, values[column.name]) -%}
            {%- set n_bad = raw_counts(form, ["count(*) filter (where " ~ is_bad ~ ")"])[0] -%}
        {%- endif -%}
        {%- if n_bad > 0 -%}
            {%- do refuse_value(form, column, values[column.name], n_bad) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(counts[0]) }}
{% endmacro %}


{#- Whether a value cannot stay as it is. Asked of every value, so it is looked at once. -#}
{% macro is_bad_value(form, column, value) %}
    {%- set found = form.found[column.name] -%}
    {%- set is_good = is_good_value(column, value) -%}
    {%- if not column.config.meta.get("nullable", false) -%}
        {{ return("not coalesce(" ~ is_good ~ ", false)") }}
    {%- endif -%}
    {#- pandas writes what is missing among floating numbers as not a number -#}
    {%- set is_word = " or " ~ is_no_value(bare(found.ref)) if found.is_text
        else " or isnan(" ~ found.raw ~ ")" if found.type | lower in ("float", "double")
        else "" -%}
    {{ return(
        "not coalesce(" ~ is_good ~ ", " ~ found.raw ~ " is null" ~ is_word ~ ", false)"
    ) }}
{% endmacro %}


{#- Whether a value is one and within its limits, or null where it is none. -#}
{% macro is_good_value(column, value) %}
    {%- set below = column.config.meta.get("below") -%}
    {#- seconds taken for milliseconds, or the other way, fall outside -#}
    {%- if column.data_type == "timestamp" -%}
        {{ return(value
            ~ " between timestamp '1990-01-01' and timestamp '2099-12-31 23:59:59.999999'") }}
    {%- elif below -%}
        {{ return(value ~ " between 0 and " ~ (below - 1)) }}
    {%- endif -%}
    {{ return("nullif(" ~ value ~ " is not null, false)") }}
{% endmacro %}


{#- Whether a text may have to be settled; cheap, since it is asked of every value: only
    `case` spares an engine what it need not compute. -#}
{% macro is_odd_text(text) %}
    {%- set odd = [
        is_no_value(text),
        "case when " ~ text ~ " < '1' then " ~ text ~ " < '0' or "
        ~ matches(text, "^0[0-9]+([.]0+)?$") ~ " else false end",
    ] -%}
    {%- for end in ["% ", "%\t", "%\n", "%\r"] -%}
        {%- do odd.append(text ~ " like " ~ sql_text(end)) -%}
    {%- endfor -%}
    {%- do odd.append(
        "case when " ~ text ~ " like '%0' then contains(" ~ text ~ ", '.0') else false end"
    ) -%}
    {{ return(odd | join(" or ")) }}
{% endmacro %}


{#- Take blanks off a column's texts, make words for no value null and 7.0 of a column of
    whole numbers 7; say what was done. -#}
{% macro settle_texts(form, column, values) %}
    {%- set text = values[column.name] -%}
    {%- set settled = "case when not " ~ is_no_value(bare(text)) ~ " then " ~ bare(text)
        ~ " end" -%}
    {%- set n_padded, n_none, n_point, n_other, n_zero = raw_counts(form, [
        "count(*) filter (where " ~ text ~ " <> " ~ bare(text) ~ ")",
        "count(*) filter (where " ~ is_no_value(bare(text)) ~ ")",
        "count(*) filter (where " ~ matches(settled, "^-?[0-9]+[.]0+$") ~ ")",
        "count(*) filter (where not " ~ matches(settled, "^-?[0-9]+([.]0+)?$") ~ ")",
        "count(*) filter (where " ~ matches(settled, "^0[0-9]+$") ~ ")",
    ]) -%}
    {%- set are_numbers = n_point > 0 and n_other == 0 -%}
    {%- set told = [] -%}
    {%- if n_padded > 0 -%}
        {%- do told.append("blanks around " ~ n_padded ~ " values are taken off") -%}
    {%- endif -%}
    {%- if are_numbers -%}
        {%- do told.append(n_point ~ " whole numbers with a point (7.0) are read as 7") -%}
        {%- set settled = "regexp_replace(" ~ settled ~ ", '[.]0+$', '')" -%}
    {%- endif -%}
    {%- if n_zero > 0 -%}
        {%- do told.append(
            n_zero ~ " values begin with 0 and stay so: 007 is another id than 7"
        ) -%}
    {%- endif -%}
    {%- if told -%}
        {%- do warn_of_file(
            form.path, "column " ~ column.name ~ ": " ~ (told | join("; "))
        ) -%}
    {%- endif -%}
    {%- if n_padded > 0 or n_none > 0 or are_numbers -%}
        {%- do values.update({column.name: settled}) -%}
    {%- endif -%}
{% endmacro %}


{#- Fail with file, line, column, the first bad value and the way out. -#}
{% macro refuse_value(form, column, value, n_bad) %}
    {%- set is_bad = is_bad_value(form, column, value) -%}
    {%- set ref = form.found[column.name].raw -%}
    {%- set place, example = raw_place(form, is_bad, ref) -%}
    {%- set range = "outside 1990 to 2100" if column.data_type == "timestamp"
        else "not in 0 to " ~ column.config.meta.get("below") -%}
    {%- set is_out = "outside" in range or column.config.meta.get("below") -%}
    {%- if is_out -%}
        {%- set is_out = run_query(
            "select count(*) from " ~ raw_reader(form) ~ " where " ~ value
            ~ " is not null and (" ~ is_bad ~ ")"
        )[0][0] > 0 -%}
    {%- endif -%}
    {%- set what = '"' ~ example ~ '"' if example else "empty" -%}
    {%- do exceptions.raise_compiler_error(
        form.path ~ ": column " ~ column.name ~ " is " ~ what ~ " in " ~ n_bad ~ " rows, "
        ~ (range if is_out else "not a " ~ (column.data_type | upper))
        ~ " (the first is " ~ place ~ "); "
        ~ ("is its unit right? Mend" if is_out else "mend") ~ " or remove those rows"
    ) -%}
{% endmacro %}


{#- Whether a row of a text file is its header once more. -#}
{% macro is_second_header(form, columns) %}
    {%- if not form.is_text or not columns -%} {{ return("false") }} {%- endif -%}
    {%- set same = [] -%}
    {%- for column in columns -%}
        {%- set found = form.found[column.name] -%}
        {%- do same.append(found.ref ~ " = " ~ sql_text(found.name)) -%}
    {%- endfor -%}
    {#- hardly any row goes beyond the first: only `case` spares an engine the others -#}
    {{ return("case when " ~ same[0] ~ " then " ~ (same[1:] | join(" and ") or "true")
        ~ " else false end") }}
{% endmacro %}


{#- A raw value as its declared type, null where it is none; none where a whole column is
    of a type that cannot be one. -#}
{% macro raw_value(column, ref, found_type) %}
    {%- set kind = found_type | lower -%}
    {%- set limits = {"float": 16777216, "real": 16777216, "double": 9007199254740992} -%}
    {%- if column.data_type.endswith("[]") -%}
        {{ return(ref) }}
    {%- elif "[" in kind or kind.startswith(("struct", "map", "array", "union", "list")) -%}
        {{ return(none) }}
    {%- elif column.data_type == "varchar" and kind in limits -%}
        {{ return(whole_number_text(ref, limits[kind])) }}
    {%- elif column.data_type == "varchar" and kind.startswith("decimal") -%}
        {{ return(
            "case when " ~ ref ~ " = floor(" ~ ref ~ ") then cast(cast(" ~ ref
            ~ " as decimal(38, 0)) as string) end"
        ) }}
    {%- endif -%}
    {{ return(adapter.dispatch('raw_value', 'moocmeta')(column, ref, found_type)) }}
{% endmacro %}

{#- Logs of any platform: what `moocmeta ingest NAME` wrote to `raw/NAME/`. -#}

{#- What every `raw/*/dataset.yml` says, by the data set's name, its parameters checked. -#}
{% macro own_records() %}
    {%- set records = {} -%}
    {%- set raw = raw_root() -%}
    {%- for path in raw_paths(raw, ["*/dataset.yml"]) -%}
        {%- set name = path.split("/")[-2] -%}
        {%- set record = fromyaml(file_text(path)) -%}
        {%- if record is not mapping or record.parameters is not mapping -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": not what `moocmeta ingest` writes; restore it"
            ) -%}
        {%- elif not modules.re.match("[a-z][a-z0-9_]*$", name) or record.dataset != name -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": it is of data set " ~ record.dataset
                ~ "; give its folder that name"
            ) -%}
        {%- endif -%}
        {%- do record.update({"parameters": own_parameters(path, record.parameters)}) -%}
        {%- do records.update({name: record}) -%}
    {%- endfor -%}
    {{ return(records) }}
{% endmacro %}


{#- The parameters of one log, each of its column's type; what is not said is default. -#}
{% macro own_parameters(path, given) %}
    {%- set seed = graph.nodes["seed.moocmeta.datasets"] -%}
    {%- set known = seed.config.column_types -%}
    {%- set in_words = {
        "boolean": "true or false", "bigint": "a whole number", "double": "a number",
        "string": "a text",
    } -%}
    {%- set values = {} -%}
    {%- for name in given if name == "dataset" or name not in known -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": unknown parameter " ~ name ~ "; known: " ~ (known | list)[1:] | join(", ")
        ) -%}
    {%- endfor -%}
    {%- for name, type in known.items() if name != "dataset" -%}
        {%- set default = seed.columns[name].config.meta.default -%}
        {%- set value = given[name] if name in given else default -%}
        {%- set is_of_type = {
            "boolean": value is boolean,
            "bigint": value is integer and value is not boolean,
            "double": value is number and value is not boolean,
            "string": value is string,
        } -%}
        {%- if not is_of_type[type] and not (value is none and default is none) -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": " ~ name ~ " is " ~ ("empty" if value is none else value)
                ~ "; it must be " ~ in_words[type]
            ) -%}
        {%- endif -%}
        {%- do values.update({name: value}) -%}
    {%- endfor -%}
    {%- if values.family == "causal" -%}
        {%- do exceptions.raise_compiler_error(
            path ~ ": family is causal; it must be recommendation or tracing"
        ) -%}
    {%- endif -%}
    {{ return(values) }}
{% endmacro %}


{#- Add a row for every own log to the seed: SQL joins one table of parameters. -#}
{% macro add_own_datasets(datasets) %}
    {%- if execute -%}
        {%- set types = graph.nodes["seed.moocmeta.datasets"].config.column_types -%}
        {%- for dataset, record in own_records().items() -%}
            {%- set values = ["'" ~ dataset ~ "'"] -%}
            {%- for name, type in types.items() if name != "dataset" -%}
                {%- set value = record.parameters[name] -%}
                {%- set text = "null" if value is none else sql_text(value | string) -%}
                {%- do values.append("cast(" ~ text ~ " as " ~ type ~ ")") -%}
            {%- endfor -%}
            {%- do run_query(
                "insert into " ~ datasets ~ " (" ~ (types | join(", ")) ~ ") values ("
                ~ (values | join(", ")) ~ ")"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    select 1
{% endmacro %}


{#- Steps of `dataset_funnel` before dbt reads an own log: data set, number up to 0, what was
    done, rows left. The ingest counted them, reason by reason. -#}
{% macro own_steps() %}
    {%- set steps = [] -%}
    {%- for dataset, record in (own_records() if execute else {}).items() -%}
        {%- set rows = record.rows if record.rows is mapping else {} -%}
        {%- set left_out = rows.left_out or {} -%}
        {%- if rows.read is integer and rows.written is integer -%}
            {%- set is_tracing = record.parameters.family == "tracing" -%}
            {%- set first = -(left_out | length) - (1 if is_tracing else 0) -%}
            {%- set left = namespace(n=rows.read, number=first) -%}
            {%- do steps.append((dataset, left.number, "rows of its files", left.n)) -%}
            {%- for reason, n in left_out.items() -%}
                {%- set left.n, left.number = left.n - n, left.number + 1 -%}
                {%- do steps.append((dataset, left.number, "without: " ~ reason, left.n)) -%}
            {%- endfor -%}
            {%- if is_tracing -%}
                {%- do steps.append((dataset, 0, "rows of one answer as one", rows.written)) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(steps) }}
{% endmacro %}


{#- The rows of all own logs of a family, as a subquery.

    The files are the ingest's own: typed, checked and counted when they were written. -#}
{% macro own_rows(family) -%}
    {%- set relation = source("own", "logs") -%}  {#- draws the lineage -#}
    {%- if not execute -%} {{ return("(select 1 as parsed_later)") }} {%- endif -%}
    {%- set columns = graph.sources["source.moocmeta.own.logs"].columns.values() | list -%}
    {%- if family != "tracing" -%}
        {%- set columns = columns | rejectattr("config.meta.tracing_only", "true") | list -%}
    {%- endif -%}
    {%- set raw = raw_root() ~ "/" -%}
    {%- set names = columns | map(attribute="name") | join(", ") -%}

    {%- set selects = [] -%}
    {%- for dataset, record in own_records().items() if record.parameters.family == family -%}
        {%- set file = dataset ~ ".parquet" -%}
        {%- set path = raw ~ dataset ~ "/" ~ file -%}
        {%- if not raw_paths(raw ~ dataset, [file]) -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": the file is missing; ingest the log again"
            ) -%}
        {%- endif -%}
        {%- set reader = raw_reader({"path": path, "is_text": false}) -%}
        {%- set found = run_query("select * from " ~ reader ~ " where false").column_names -%}
        {%- for column in columns if column.name not in found -%}
            {%- do exceptions.raise_compiler_error(
                path ~ ": column " ~ column.name ~ " is missing; found "
                ~ (found | join(", ")) ~ "; ingest the log again as " ~ family
            ) -%}
        {%- endfor -%}
        {%- do selects.append(
            "select '" ~ dataset ~ "' as dataset, " ~ names ~ " from " ~ reader
        ) -%}
    {%- endfor -%}

    {%- if not selects -%}
        {%- set expressions = ["cast(null as string) as dataset"] -%}
        {%- for column in columns -%}
            {%- do expressions.append(
                "cast(null as " ~ type_name(column.data_type) ~ ") as " ~ column.name
            ) -%}
        {%- endfor -%}
        {%- do selects.append("select " ~ (expressions | join(", ")) ~ " where false") -%}
    {%- endif -%}

    (
        {{ selects | join("\n        union all\n        ") }}
    )
{%- endmacro %}

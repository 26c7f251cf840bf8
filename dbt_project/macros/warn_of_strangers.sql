{#- Warn where rows point at what another file should hold and does not, with ids of both
    sides: whoever sees them sees why they do not match.

    Args:
        rows: relation that points.
        key: its column.
        are_strangers: condition on its rows that found nothing.
        known: relation of what is there.
        known_key: its column, as both files call it.
        file, known_file: where they come from, for the message. -#}
{% macro warn_of_strangers(
    rows, key, are_strangers, known, known_key, file, known_file
) %}
    {%- if execute -%}
        {%- set n_strangers, n_rows = run_query(
            "select count(*) filter (where " ~ are_strangers ~ "), count(*) from " ~ rows
        )[0] -%}
        {%- if n_strangers > 0 -%}
            {%- set examples = [] -%}
            {%- for column, relation, condition in [
                (key, rows, are_strangers), (known_key, known, "true")
            ] -%}
                {%- set found = run_query(
                    "select distinct " ~ column ~ " from " ~ relation ~ " where "
                    ~ condition ~ " and " ~ column ~ " is not null order by 1 limit 3"
                ).columns[0].values() -%}
                {%- do examples.append(found | join(", ") or "none") -%}
            {%- endfor -%}
            {%- do log(
                "[WARNING]: " ~ file ~ ": " ~ n_strangers ~ " of " ~ n_rows
                ~ " rows have a value of " ~ known_key ~ " that " ~ known_file ~ " lacks: "
                ~ examples[0] ~ " …; it has " ~ examples[1] ~ " …", info=true
            ) -%}
        {%- endif -%}
    {%- endif -%}
    select 1
{% endmacro %}

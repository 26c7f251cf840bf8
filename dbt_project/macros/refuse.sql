{#- Fail with one line, the first row of a query of one text, if it has any. -#}
{% macro refuse(query) %}
    {%- if execute -%}
        {%- for row in run_query(query ~ " order by 1 limit 1") -%}
            {%- do exceptions.raise_compiler_error(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    select 1
{% endmacro %}


{#- Fail where `datasets` says what cannot be: a value that no model expects would drop
    rows, or change a rule, in silence. -#}
{% macro refuse_odd_parameters(datasets) %}
    {%- if var("split_method") not in [none, "user", "time"] -%}
        {%- do exceptions.raise_compiler_error(
            "variable split_method is " ~ var("split_method") ~ "; it must be user or time"
        ) -%}
    {%- endif -%}
    {{ refuse("select fault from (" ~ odd_parameters(datasets) ~ ") as faults") }}
{% endmacro %}


{#- Each value of `datasets` that cannot be, as one line that says what it must be. -#}
{% macro odd_parameters(datasets) %}
    {%- set choices = {
        "family": ["recommendation", "tracing", "causal"],
        "session_method": ["gap", "platform"],
        "sequence_scope": ["session", "user"],
        "split_method": ["user", "time"],
        "composition_of": ["event_types", "items"],
        "outcome_product": ["any", "same"],
    } -%}
    {%- set least = {
        "session_gap_sec": 1,
        "min_session_events": 0,
        "min_user_events": 0,
        "intensity_weight": 0,
        "extent_weight": 0,
        "composition_weight": 0,
        "treatment_window_sec": 0,
        "outcome_horizon_sec": 0,
    } -%}
    {%- set only_where = {
        "session_gap_sec": "session_method = 'gap'",
        "treatment_window_sec": "family = 'causal'",
        "outcome_horizon_sec": "family = 'causal'",
        "outcome_product": "family = 'causal'",
    } -%}
    {#- column, when its value is odd, what it must be -#}
    {%- set faults = [
        ("split_method", "split_method = 'time' and family <> 'recommendation'",
            "user: only recommendation data sets are split by time"),
        ("split_train_until", "split_train_until <= 0 or split_train_until >= 1",
            "more than 0 and less than 1, or empty"),
        ("split_val_until", "split_val_until >= 1 or coalesce(split_val_until, "
            ~ var("split_val_until") ~ ") <= coalesce(split_train_until, "
            ~ var("split_train_until") ~ ")",
            "more than split_train_until and less than 1"),
        ("drops_exact_repeats", "drops_exact_repeats is null", "true or false"),
        ("intensity_weight",
            "intensity_weight + extent_weight + composition_weight = 0",
            "more than 0 unless extent_weight or composition_weight is"),
    ] -%}
    {%- for column, values in choices.items() -%}
        {%- do faults.append((
            column, "coalesce(" ~ column ~ ", '') not in ('" ~ (values | join("', '")) ~ "')",
            (values[:-1] | join(", ")) ~ " or " ~ values[-1]
        )) -%}
    {%- endfor -%}
    {%- for column, number in least.items() -%}
        {%- do faults.append(
            (column, "coalesce(" ~ column ~ ", -1) < " ~ number, number ~ " or more")
        ) -%}
    {%- endfor -%}
    {%- for cap in ["intensity_cap", "duration_cap_sec", "composition_cap"] -%}
        {%- do faults.append((cap, cap ~ " < 0", "0 or more, or empty")) -%}
    {%- endfor -%}
    {%- set selects = [
        "select 'datasets: ' || dataset || ' has several rows; keep one' as fault from "
        ~ datasets ~ " group by dataset having count(*) > 1"
    ] -%}
    {%- for column, is_odd, right in faults -%}
        {%- do selects.append(
            "select 'datasets: ' || coalesce(dataset, 'a row without name') || ': "
            ~ column ~ " is ' || coalesce(cast(" ~ column ~ " as string), 'empty')"
            ~ " || '; it must be " ~ right ~ "' as fault from " ~ datasets
            ~ " where " ~ is_odd ~ " and " ~ only_where.get(column, "true")
        ) -%}
    {%- endfor -%}
    {{ selects | join(" union all ") }}
{% endmacro %}


{#- Fail where a data set has events but nothing of what its family is made of, and name
    the types of events that it has instead. -#}
{% macro refuse_strange_family(family, event_types, found, lacks) %}
    {{ refuse(
        "select 'datasets: ' || dataset || ': family is " ~ family
        ~ ", but its log has " ~ lacks ~ ", only ' || " ~ texts_joined("event_type")
        ~ " || '; mend their names or name another family' as fault from "
        ~ event_types ~ " where family = '" ~ family ~ "' and n_user_events > 0 and"
        ~ " is_kept and dataset not in (select dataset from " ~ found ~ ") group by dataset"
    ) }}
{% endmacro %}


{#- Warn where a data set's rows are all lost before they are events, and say what was not
    known of them: nothing else would, since empty marts are sound. -#}
{% macro warn_of_lost_rows(event_types) %}
    {%- if execute -%}
        {%- for row in run_query(
            "select dataset, sum(n_events), sum(n_user_events), "
            ~ texts_joined("event_type") ~ " from " ~ event_types ~ " group by dataset"
            ~ " having sum(case when is_kept then n_user_events else 0 end) = 0"
            ~ " order by dataset"
        ) -%}
            {%- do log(
                "[WARNING]: " ~ row[0] ~ ": nothing is left of its " ~ row[1] ~ " rows: "
                ~ ("none has a known user; do the ids of its files match?" if not row[2]
                else "no event type is kept (event_type_prefixes of datasets), found "
                ~ few(row[3].split(", "))), info=true
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    select 1
{% endmacro %}

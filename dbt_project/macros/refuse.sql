{#- Fail with one line, the first row of a query of one text, if it has any. -#}
{% macro refuse(query) %}
    {%- if execute -%}
        {%- for row in run_query(query ~ " order by 1 limit 1") -%}
            {%- do exceptions.raise_compiler_error(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    select 1
{% endmacro %}


{#- Fail where `datasets` says what cannot be: each value is checked where it is used,
    so that none is passed over in silence. -#}
{% macro refuse_odd_parameters(datasets) %}
    {#- column, what must not be, what it must be -#}
    {%- set rules = [
        ("family", "not in ('recommendation', 'tracing', 'causal')",
            "recommendation, tracing or causal"),
        ("session_method", "not in ('gap', 'platform')", "gap or platform"),
        ("sequence_scope", "not in ('session', 'user')", "session or user"),
        ("composition_of", "not in ('event_types', 'items')", "event_types or items"),
        ("session_gap_sec", "< 1 and session_method = 'gap'", "1 or more for gap sessions"),
        ("min_session_events", "< 0", "0 or more"),
        ("min_user_events", "< 0", "0 or more"),
        ("drops_exact_repeats", "is null", "true or false"),
        ("intensity_weight", "< 0", "0 or more"),
        ("extent_weight", "< 0", "0 or more"),
        ("composition_weight", "< 0", "0 or more"),
        ("treatment_window_sec", "< 0 and family = 'causal'", "0 or more"),
        ("outcome_horizon_sec", "< 0 and family = 'causal'", "0 or more"),
        ("outcome_product", "not in ('any', 'same') and family = 'causal'", "any or same"),
    ] -%}
    {%- set faults = [] -%}
    {%- for column, wrong, right in rules -%}
        {%- set nothing = "''" if "in (" in wrong else "-1" -%}
        {%- set value = column if "null" in wrong else "coalesce(" ~ column ~ ", " ~ nothing ~ ")" -%}
        {%- do faults.append((column, value ~ " " ~ wrong, right)) -%}
    {%- endfor -%}
    {%- for cap in ["intensity_cap", "duration_cap_sec", "composition_cap"] -%}
        {%- do faults.append((cap, cap ~ " < 0", "0 or more, or empty")) -%}
    {%- endfor -%}
    {%- do faults.append((
        "intensity_weight", "intensity_weight + extent_weight + composition_weight = 0",
        "more than 0 unless extent_weight or composition_weight is"
    )) -%}
    {%- set selects = [
        "select 'datasets: ' || dataset || ' has several rows; keep one' as fault from "
        ~ datasets ~ " group by dataset having count(*) > 1"
    ] -%}
    {%- for column, condition, right in faults -%}
        {%- do selects.append(
            "select 'datasets: ' || coalesce(dataset, 'a row without name') || ': "
            ~ column ~ " is ' || coalesce(cast(" ~ column ~ " as string), 'empty')"
            ~ " || '; it must be " ~ right ~ "' as fault from " ~ datasets
            ~ " where " ~ condition
        ) -%}
    {%- endfor -%}
    {{ refuse("select fault from (" ~ (selects | join(" union all ")) ~ ") as faults") }}
{% endmacro %}


{#- Fail where a data set has events but nothing of what its family is made of. -#}
{% macro refuse_strange_family(family, event_types, found, lacks) %}
    {{ refuse(
        "select distinct 'datasets: ' || dataset || ': family is " ~ family
        ~ ", but its log has " ~ lacks ~ "; name another family' as fault from "
        ~ event_types ~ " where family = '" ~ family ~ "' and dataset not in (select dataset from "
        ~ found ~ ")"
    ) }}
{% endmacro %}

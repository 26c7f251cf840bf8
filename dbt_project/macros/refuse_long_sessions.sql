{#- Fail with the longest session where one has more trials than `max_session_trials`:
    each trial keeps a history, so those of a bot would fill memory and disk. -#}
{% macro refuse_long_sessions() %}
    {%- set limit = var("max_session_trials") | int -%}
    {%- for row in run_query(
        "select sessions.session_id, count(*) as n_trials"
        ~ " from " ~ ref("int_causal_events") ~ " as events"
        ~ " inner join " ~ ref("int_sessions") ~ " as sessions"
        ~ " on events.user_number = sessions.user_number"
        ~ " and events.session_number = sessions.session_number"
        ~ " left join " ~ ref("int_causal_first_actions") ~ " as first_actions"
        ~ " on events.user_number = first_actions.user_number"
        ~ " and events.session_number = first_actions.session_number"
        ~ " where events.event_id = 1 and"
        ~ " coalesce(events.ts_epoch <= first_actions.first_action_epoch, true)"
        ~ " group by sessions.session_id having count(*) > " ~ limit
        ~ " order by n_trials desc, sessions.session_id limit 1"
    ) if execute -%}
        {%- do exceptions.raise_compiler_error(
            "session " ~ row[0] ~ " has " ~ row[1] ~ " impressions before a click or "
            ~ "purchase, more than max_session_trials (" ~ limit ~ " in dbt_project.yml): "
            ~ "a program, not a person? Remove its rows, or raise the limit"
        ) -%}
    {%- endfor -%}
    select 1
{% endmacro %}

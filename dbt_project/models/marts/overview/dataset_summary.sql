-- One row per data set and split, and one for all splits together. By time, users,
-- events and items of a split are those of its stretch of the log; a session is of the
-- split that it ends in.
with

sessions as (

    select * from {{ ref('sessions') }}

),

session_items as (

    select * from {{ ref('int_session_items') }}

),

int_sessions as (

    select * from {{ ref('int_sessions') }}

),

pieces_of_cut_sessions as (

    select
        int_sessions.dataset,
        int_sessions.user_id,
        pieces.split,
        pieces.item_number,
        pieces.n_events

    from {{ ref('int_session_pieces') }} as pieces

    inner join int_sessions
        on
            pieces.user_number = int_sessions.user_number
            and pieces.session_number = int_sessions.session_number

),

{% for mart in ['pairs', 'episodes_k5_q10', 'episodes_k2_q3'] %}
{%- set relation = ref(mart) %}
{{ mart }}_counted as (

    select
        dataset,
        coalesce(split, 'all') as split,
        count(*) as n_rows

    -- what was not built, since another family was asked for, counts as nothing
    from {{ relation if is_built(relation) else ref('sessions') }}

    {%- if not is_built(relation) %}

    where false

    {%- endif %}

    group by grouping sets ((dataset, split), (dataset))

),
{% endfor %}

users_counted as (

    select
        dataset,
        coalesce(split, 'all') as split,
        sum(n_events) as n_events

    from (
        select
            dataset,
            user_id,
            split,
            n_events
        from int_sessions
        where not is_cut
        union all
        select
            dataset,
            user_id,
            split,
            n_events
        from pieces_of_cut_sessions
    ) as parts

    group by grouping sets ((dataset, user_id, split), (dataset, user_id))

),

users_summarised as (

    select
        dataset,
        split,
        count(*) as n_users,
        sum(n_events) as n_events,
        {{ percentile('n_events', 0.5) }} as events_per_user_p50,
        {{ percentile('n_events', 0.9) }} as events_per_user_p90

    from users_counted

    group by dataset, split

),

sessions_summarised as (

    select
        dataset,
        coalesce(split, 'all') as split,
        count(*) as n_sessions,
        {{ exact_mean('reliability') }} as reliability_mean,
        {{ percentile('reliability', 0.5) }} as reliability_p50

    from sessions

    group by grouping sets ((dataset, split), (dataset))

),

items_summarised as (

    select
        dataset,
        coalesce(split, 'all') as split,
        count(distinct item_number) as n_items

    from (
        select
            int_sessions.dataset,
            int_sessions.split,
            session_items.item_number
        from session_items
        inner join int_sessions
            on
                session_items.user_number = int_sessions.user_number
                and session_items.session_number = int_sessions.session_number
        where not int_sessions.is_cut
        union all
        select
            dataset,
            split,
            item_number
        from pieces_of_cut_sessions
    ) as parts

    group by grouping sets ((dataset, split), (dataset))

)

select
    users_summarised.dataset,
    users_summarised.split,
    users_summarised.n_users,
    cast(users_summarised.n_events as bigint) as n_events,
    coalesce(sessions_summarised.n_sessions, 0) as n_sessions,
    coalesce(items_summarised.n_items, 0) as n_items,
    coalesce(pairs_counted.n_rows, 0) as n_pairs,
    coalesce(episodes_k5_q10_counted.n_rows, 0) as n_episodes_k5_q10,
    coalesce(episodes_k2_q3_counted.n_rows, 0) as n_episodes_k2_q3,
    1.0 - cast(users_summarised.n_events as double)
    / nullif(users_summarised.n_users * items_summarised.n_items, 0) as sparsity,
    users_summarised.events_per_user_p50,
    users_summarised.events_per_user_p90,
    sessions_summarised.reliability_mean,
    sessions_summarised.reliability_p50

from users_summarised

-- left: by time, all sessions of a split may end in a later one
left join sessions_summarised using (dataset, split)

-- left: all events of a split may be without an item
left join items_summarised using (dataset, split)

left join pairs_counted using (dataset, split)

left join episodes_k5_q10_counted using (dataset, split)

left join episodes_k2_q3_counted using (dataset, split)

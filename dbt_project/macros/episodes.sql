{#- K-shot episodes: K support pairs of a user and the Q that follow.

    Args:
        k, q: support and query size in pairs.
        train_stride, eval_stride: starts are 0, stride, 2 × stride, …; a stride of
            `none` takes the user's last Q pairs of a split, and the K before. -#}
{% macro episodes(k, q, train_stride, eval_stride) -%}
with

pairs as (

    select * from {{ ref('pairs') }}

),

pairs_numbered as (

    select
        *,
        row_number() over user_timeline - 1 as user_position,
        -- by user all pairs have one split; by time a user may have three
        count(*) over (
            partition by dataset, user_id
            order by case split when 'train' then 0 when 'val' then 1 else 2 end
        ) - 1 as last_of_split

    from pairs

    window user_timeline as (
        partition by dataset, user_id
        order by label_ts_epoch, pair_id
    )

),

windows_opened as (

    select
        dataset,
        user_id,
        lead(split, {{ k + q - 1 }}) over user_timeline as split,
        lead(split, {{ k }}) over user_timeline as split_of_first_query,
        user_position,
        lead(last_of_split, {{ k + q - 1 }}) over user_timeline
        - {{ k + q - 1 }} as last_start,
        {{ window_list('pair_id') }} over support as support_pair_ids,
        {{ window_list('pair_id') }} over query as query_pair_ids,
        max(label_ts_epoch) over support as support_max_ts_epoch,
        min(label_ts_epoch) over query as query_min_ts_epoch,
        -- K terms in a fixed order: a sliding average may add in any
        (
            session_reliability
            {%- for i in range(1, k) %}
            + lead(session_reliability, {{ i }}) over user_timeline
            {%- endfor %}
        ) / {{ k }} as episode_reliability

    from pairs_numbered

    window
        user_timeline as (
            partition by dataset, user_id
            order by user_position
        ),
        support as (
            partition by dataset, user_id
            order by user_position
            rows between current row and {{ k - 1 }} following
        ),
        query as (
            partition by dataset, user_id
            order by user_position
            rows between {{ k }} following and {{ k + q - 1 }} following
        )

),

starts_kept as (

    select *

    from windows_opened

    where
        -- the queries lie in one split, the support may be older; null where a user has
        -- too few pairs behind the start
        split = split_of_first_query
        and support_max_ts_epoch < query_min_ts_epoch
        and case
            when split = 'train' then {{ is_start(train_stride) }}
            else {{ is_start(eval_stride) }}
        end

)

select
    dataset,
    cast(
        row_number() over (
            partition by dataset
            order by user_id, user_position
        ) - 1 as bigint
    ) as episode_id,
    user_id,
    split,
    support_pair_ids,
    query_pair_ids,
    support_max_ts_epoch,
    query_min_ts_epoch,
    episode_reliability

from starts_kept
{%- endmacro %}


{% macro is_start(stride) -%}
    {%- if stride is none -%} user_position = last_start
    {%- else -%} user_position % {{ stride }} = 0
    {%- endif -%}
{%- endmacro %}

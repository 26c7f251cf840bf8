{#- K-shot episodes: K support pairs of a user and the Q that follow.

    Args:
        k, q: support and query size in pairs.
        train_stride, eval_stride: starts are 0, stride, 2 × stride, …; a stride of
            `none` takes the user's last K + Q pairs only. -#}
{% macro episodes(k, q, train_stride, eval_stride) -%}
with

pairs as (

    select * from {{ ref('pairs') }}

),

pairs_numbered as (

    select
        *,
        row_number() over user_timeline - 1 as user_position,
        count(*) over (partition by dataset, user_id) as n_user_pairs

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
        split,
        user_position,
        n_user_pairs,
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
        user_position <= n_user_pairs - {{ k + q }}
        and support_max_ts_epoch < query_min_ts_epoch
        and case
            when split = 'train' then {{ is_start(train_stride, k + q) }}
            else {{ is_start(eval_stride, k + q) }}
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


{% macro is_start(stride, size) -%}
    {%- if stride is none -%} user_position = n_user_pairs - {{ size }}
    {%- else -%} user_position % {{ stride }} = 0
    {%- endif -%}
{%- endmacro %}

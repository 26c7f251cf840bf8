-- One row per session that lies in more than one split of its data set's time, split
-- and item (null too), with the events there. By user no session does.
with

sessions as (

    select
        sessions.user_number,
        sessions.session_number,
        split_times.train_until,
        split_times.val_until

    from {{ ref('int_sessions') }} as sessions

    inner join {{ ref('int_split_times') }} as split_times
        on sessions.dataset = split_times.dataset

    where sessions.is_cut

),

events as (

    select * from {{ ref('int_events_in_sessions') }}

)

select
    events.user_number,
    events.session_number,
    {{ split_at('events.ts_epoch', 'sessions') }} as split,
    events.item_number,
    count(*) as n_events

from events

inner join sessions
    on
        events.user_number = sessions.user_number
        and events.session_number = sessions.session_number

group by
    events.user_number,
    events.session_number,
    {{ split_at('events.ts_epoch', 'sessions') }},
    events.item_number

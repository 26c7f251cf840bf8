-- One row per raw event, of every event type.
{{ renamed_rows('ad_events', 'unified_events') }}

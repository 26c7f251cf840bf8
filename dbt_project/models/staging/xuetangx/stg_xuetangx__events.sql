-- One row per raw event, of every event type.
{{ renamed_rows('xuetangx', 'events') }}

-- One row per rating of every language file; exact repeats included.
{{ renamed_rows('mars', 'explicit_ratings') }}

-- One row per episode of 2 support and 3 query pairs, for users with few pairs:
-- starts 0, 3, 6, … in every split.
{{ episodes(k=2, q=3, train_stride=3, eval_stride=3) }}

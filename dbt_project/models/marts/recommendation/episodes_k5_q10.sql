-- One row per episode of 5 support and 10 query pairs: every start of a train user,
-- the last pairs of all others.
{{ episodes(k=5, q=10, train_stride=1, eval_stride=none) }}

"""Tested splits as RecBole's atomic files, so that its models answer our questions.

https://recbole.io/docs/user_guide/data/atomic_files.html; the columns are those of its
session-based benchmark data sets (`benchmark_filename`, `alias_of_item_id`).
"""

from pathlib import Path

from training.errors import UserError
from training.marts.opening import Connection

# our name of a split → RecBole's
SPLITS = {"train": "train", "val": "valid", "test": "test"}
HEADER = "session_id:token\tuser_id:token\titem_id_list:token_seq\titem_id:token\t"
HEADER += "timestamp:float\n"
_PAIRS = """
with tokens as (
    select
        item_id,
        -- a list's items are parted by blanks, fields by tabs: both, and what marks
        -- them, are written as in a URL
        {item} as token
    from vocab
    where dataset = $1
),
listed as (
    select
        pairs.pair_id,
        string_agg(tokens.token, ' ' order by prefix.place) as item_id_list
    from pairs, unnest(pairs.prefix) with ordinality as prefix(item_id, place)
    join tokens on prefix.item_id = tokens.item_id
    where pairs.dataset = $1 and pairs.split = $2
    group by pairs.pair_id
)
select
    cast(pairs.pair_id as varchar) || chr(9) || {user} || chr(9)
    || listed.item_id_list || chr(9) || tokens.token || chr(9)
    || cast(pairs.label_ts_epoch as varchar) as line
from pairs
join listed using (pair_id)
join tokens on pairs.label = tokens.item_id
where pairs.dataset = $1 and pairs.split = $2
order by pairs.pair_id
"""
_BATCH = 10_000


def write_recbole(connection: Connection, dataset: str, folder: Path) -> int:
    """Write `<dataset>.<split>.inter` of the three splits.

    Returns:
        Number of files.
    Raises:
        UserError: the data set has no pairs.
    """
    query = _PAIRS.format(item=_token("item_key"), user=_token("pairs.user_id"))
    n_pairs = 0
    for split, name in SPLITS.items():
        found = connection.execute(query, [dataset, split])
        path = folder / f"{dataset}.{name}.inter"
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(HEADER)
            while rows := found.fetchmany(_BATCH):
                file.writelines(f"{line}\n" for (line,) in rows)
                n_pairs += len(rows)
    if not n_pairs:
        raise UserError(
            f"--form recbole: {dataset} has no pairs to write; name a data set of "
            "recommendation"
        )
    return len(SPLITS)


def _token(text: str) -> str:
    """A key without the signs that part tokens."""
    for sign, code in (("%", "%25"), (" ", "%20"), ("\t", "%09"), ("\n", "%0A")):
        text = f"replace({text}, '{sign}', '{code}')"
    return f"replace({text}, chr(13), '%0D')"

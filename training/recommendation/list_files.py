"""Lists as Parquet, whole or not at all, and a copy in the run for dbt to read back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from training.errors import UserError
from training.files import appearing_whole
from training.progress import progress_bar
from training.recommendation.finished import FinishedModel
from training.recommendation.latest import LatestMarts
from training.recommendation.lists import Listed, Lister, ListRules

EXPORT = Path("exports") / "recommendations.parquet"
LISTS = pa.schema(
    [
        ("dataset", pa.string()),
        ("user_id", pa.string()),
        ("rank", pa.int32()),
        ("item_key", pa.string()),
        ("score", pa.float64()),
        ("model", pa.string()),
        ("run_id", pa.string()),
        ("as_of", pa.timestamp("us")),
    ]
)
# what the copy says of its making, for the tests of whoever reads it back
COPY = pa.schema([*LISTS, ("top", pa.int32()), ("repeats", pa.string())])


@dataclass(frozen=True)
class Written:
    """How many lists were written.

    Args:
        n_users: users with a list.
        n_without: users without one.
    """

    n_rows: int
    n_users: int
    n_without: int


def write_lists(
    model: FinishedModel,
    marts: LatestMarts,
    rules: ListRules,
    users: Tensor,
    path: Path,
    *,
    is_kept: bool,
    progress: bool,
) -> Written:
    """Write the lists of some users, in the order of users and ranks.

    Args:
        is_kept: whether the run folder keeps a copy, which
            `dbt build --select rec_exports` reads.
    Raises:
        UserError: as for `Lister`, nobody has a list, or a file cannot be written.
    """
    lister = Lister(model, marts, rules)
    n_rows = n_users = 0
    targets = {path: LISTS}
    copy = model.run.path / EXPORT
    if copy.resolve() == path.resolve():
        raise UserError(f"--write {path} is where the run keeps its copy; name another")
    if is_kept:
        targets[copy] = COPY
    with (
        _writers(targets) as writers,
        progress_bar(
            title="lists", total=len(users), is_shown=progress, unit=" users"
        ) as bar,
    ):
        for n, listed in lister.lists(users):
            rows = _columns(listed, model, marts, rules)
            for writer in writers:
                table = pa.table(
                    [rows[name] for name in writer.schema.names], writer.schema
                )
                writer.write_table(table)
            n_rows += len(listed.users)
            n_users += len(listed.users.unique())
            bar.update(n)
        if n_users == 0:
            raise UserError(_why_nobody(rules, len(users)))
    if is_kept:
        model.run.seal(EXPORT)
    return Written(n_rows, n_users, len(users) - n_users)


@contextmanager
def _writers(targets: dict[Path, pa.Schema]) -> Iterator[list[pq.ParquetWriter]]:
    """A writer for each file; the files appear when all is written."""
    with ExitStack() as files:
        scratches = [files.enter_context(appearing_whole(path)) for path in targets]
        with ExitStack() as writers:
            yield [
                writers.enter_context(
                    pq.ParquetWriter(scratch, schema, compression="zstd")
                )
                for scratch, schema in zip(scratches, targets.values(), strict=True)
            ]


def _columns(
    listed: Listed, model: FinishedModel, marts: LatestMarts, rules: ListRules
) -> dict[str, Any]:
    """The rows of some lists by column."""
    n, users = len(listed.users), pa.array(listed.users.numpy())
    same = {
        "dataset": model.metrics["dataset"],
        "model": model.name,
        "run_id": model.run.run_id,
        "top": rules.top,
        "repeats": rules.repeats,
    }
    return {
        **{
            name: pa.repeat(pa.scalar(value, COPY.field(name).type), n)
            for name, value in same.items()
        },
        "user_id": marts.user_id.take(users),
        "rank": pa.array(listed.rank.numpy(), pa.int32()),
        "item_key": pa.array(model.item_keys).take(pa.array(listed.items.numpy())),
        "score": pa.array(listed.scores.double().numpy()),
        "as_of": marts.as_of.take(users),
    }


def _why_nobody(rules: ListRules, n_users: int) -> str:
    """Why not one user has a list."""
    if rules.candidates is not None:
        return (
            f"--candidates: each of {n_users} users has met them all or nothing that "
            "the run knows; name other candidates or --repeats allow"
        )
    return (
        f"none of {n_users} users has done anything last that the run knows and left "
        "anything to list; train on these marts, or use --repeats allow"
    )

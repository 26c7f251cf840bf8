"""One student's story: answers, mastery over time, health of the items met."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.errors import UserError, nearest
from training.runs import Run, resolve_run, run_ids

STATE = "exports/sakt_student_state.parquet"
PREDICTIONS = "exports/sakt_predictions.parquet"
ITEMS = "exports/item_params.parquet"
DRIFT = "exports/item_drift.parquet"
NAMES = "skill_names.json"
MISFIT_FROM = 20  # answers below which an item's fit is not judged
MISFIT_ERRORS = 4.0  # standard errors between what was predicted and what came
HEALTH = ["difficulty", "difficulty_se", "discrimination", "n_responses"]


@dataclass(frozen=True)
class Trace:
    """What is known of one student.

    Args:
        steps: a row a response and skill, in order of time: `nth` (answer of the
            student, from 1), `answered_at, skill_key` (None where the item has no
            skill), `skill` (its name where it has one), `item_key, actual, predicted`
            (before the answer), `mastery` (of the skill, after it), then the item's
            `difficulty, difficulty_se, discrimination, n_responses, drift_flag,
            misfit_flag`, missing where the run knows nothing of it.
        time_is_order: whether `answered_at` only says which answer came first.
    """

    run_id: str
    dataset: str
    user_id: str
    split: str
    steps: pd.DataFrame
    time_is_order: bool = False

    @property
    def answers(self) -> pd.DataFrame:
        """A row an answer: its skills in one text, mastery of each in one."""
        return self.steps.groupby("nth", as_index=False).agg(
            answered_at=("answered_at", "first"),
            skills=("skill", lambda names: ", ".join(names.dropna())),
            item_key=("item_key", "first"),
            actual=("actual", "first"),
            predicted=("predicted", "first"),
            mastery=("mastery", "mean"),
            drifts=("drift_flag", "first"),
            misfits=("misfit_flag", "first"),
        )

    @property
    def skills(self) -> pd.DataFrame:
        """A row a skill, the most practised first, ties by key."""
        return (
            self.steps.groupby("skill_key")
            .agg(
                skill=("skill", "first"),
                n=("actual", "size"),
                share_right=("actual", "mean"),
                first=("mastery", "first"),
                last=("mastery", "last"),
            )
            .sort_index()
            .sort_values("n", ascending=False, kind="stable")
            .reset_index()
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is missing is None."""
        steps = self.steps.astype(object).where(self.steps.notna(), None)
        if self.time_is_order:
            del steps["answered_at"]
        else:
            steps["answered_at"] = [at.isoformat() for at in self.steps["answered_at"]]
        return {
            "run_id": self.run_id,
            "dataset": self.dataset,
            "user_id": self.user_id,
            "split": self.split,
            "steps": steps.to_dict("records"),
        }


def traced_run(run: str, root: Path) -> Path:
    """Folder of the named run, or of the latest one that traced knowledge.

    Raises:
        UserError: there is none, or the named one has no student states.
    """
    if run == "latest":
        done = run_ids(root, "manifest.json")
        traced = [run_id for run_id in done if (root / run_id / STATE).is_file()]
        if not traced:
            raise UserError(
                f"no run under {root} trained sakt yet: run "
                "`moocmeta-train --mart kt_sequences` first"
            )
        return root / traced[-1]
    folder = resolve_run(run, root)
    if not (folder / STATE).is_file():
        raise UserError(
            f"{folder} has no {STATE}: it did not train sakt on kt_sequences; choose "
            "another --run"
        )
    return folder


def trace(folder: Path, user: str, skill: str | None) -> Trace:
    """Join one student's answers, mastery and items.

    Args:
        folder: of a finished run, as from `traced_run`.
        user: the publisher's id.
        skill: only this skill's answers; None for all.
    Raises:
        UserError: the run knows no such user, or the user met no such skill.
    """
    run = Run(folder)
    answers = _read(folder / PREDICTIONS, user)
    if len(answers) == 0:
        known = _column(folder / PREDICTIONS, "user_id")
        raise UserError(
            f"--user {user}: no such user in {folder}; the nearest are: "
            + nearest(user, known)
        )
    state = _read(folder / STATE, user)[["response_id", "skill_key", "mastery"]]
    steps = answers.merge(state, "left", "response_id")
    if skill is not None:
        steps = steps[steps["skill_key"] == skill]
        if len(steps) == 0:
            _refuse_skill(folder, user, skill, state["skill_key"])
    steps = _with_health(folder, steps, run.read_json("vocab.json"))
    steps = steps.sort_values(["position", "skill_key"], kind="stable")
    names = _names(folder)
    steps["skill"] = steps["skill_key"].map(lambda key: names.get(key, key))
    steps["nth"] = steps["position"] + 1
    first = answers.iloc[0]
    columns = ["nth", "answered_at", "skill_key", "skill", "item_key", "actual"]
    columns += ["predicted", "mastery", *HEALTH, "drift_flag", "misfit_flag"]
    return Trace(
        run_id=run.run_id,
        dataset=first["dataset"],
        user_id=user,
        split=first["split"],
        steps=steps[columns].reset_index(drop=True),
        time_is_order=run.read_json("metrics.json").get("time_is_order", False),
    )


def _names(folder: Path) -> dict[str, str]:
    """Names of skills by key; runs of older versions know none."""
    if not (folder / NAMES).is_file():
        return {}
    return Run(folder).read_json(NAMES)


def _with_health(
    folder: Path, steps: pd.DataFrame, item_keys: list[str]
) -> pd.DataFrame:
    steps = steps.assign(item_key=np.asarray(item_keys, object)[steps["item_id"]])
    misfits = _misfits(folder, steps["item_id"].unique())
    steps = steps.assign(misfit_flag=steps["item_id"].isin(misfits))
    if not (folder / ITEMS).is_file():  # wd_irt was not in the line-up
        return steps.assign(**dict.fromkeys([*HEALTH, "drift_flag"], np.nan))
    items = _read(folder / ITEMS)[["item_id", *HEALTH]]
    drift = _read(folder / DRIFT).groupby("item_id", as_index=False)["drift_flag"].max()
    return steps.merge(items, "left", "item_id").merge(drift, "left", "item_id")


def _misfits(folder: Path, items: np.ndarray) -> np.ndarray:
    """Those of the items that others than train users answered unlike predicted."""
    columns = ["item_id", "split", "actual", "predicted"]
    table = _table(folder / PREDICTIONS, columns)
    own = pc.is_in(table["item_id"], pa.array(items, table["item_id"].type))
    found = table.filter(pc.and_(own, pc.not_equal(table["split"], "train")))
    frame = found.to_pandas()
    frame["gap"] = frame["actual"] - frame["predicted"]
    frame["variance"] = frame["predicted"] * (1 - frame["predicted"])
    by_item = frame.groupby("item_id").agg(
        n=("gap", "size"), gap=("gap", "sum"), variance=("variance", "sum")
    )
    errors = by_item["gap"].abs() / by_item["variance"].pow(0.5)
    is_odd = (by_item["n"] >= MISFIT_FROM) & (errors > MISFIT_ERRORS)
    return by_item.index[is_odd].to_numpy()


def _refuse_skill(folder: Path, user: str, skill: str, met: pd.Series) -> None:
    known = set(_column(folder / STATE, "skill_key"))
    if skill in known:
        skills = ", ".join(sorted(set(met))) or "none"
        raise UserError(
            f"--skill {skill}: user {user} answered nothing that asks for it; skills "
            f"met: {skills}"
        )
    near = "the nearest are: " + nearest(skill, sorted(known))
    raise UserError(
        f"--skill {skill}: no such skill in {folder}; "
        + (near if known else "none of its items has a skill, leave --skill out")
    )


def _column(path: Path, name: str) -> list[str]:
    return sorted(set(_table(path, [name]).column(name).to_pylist()))


def _read(path: Path, user: str | None = None) -> pd.DataFrame:
    # rows lie by user: of millions, only the groups that may hold the user's are read
    own = None if user is None else pc.field("user_id") == user
    return _table(path, None, own).to_pandas()


def _table(
    path: Path, columns: list[str] | None, rows: pc.Expression | None = None
) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, filters=rows)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be read ({reason}); train the run again"
        ) from error

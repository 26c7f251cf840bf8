"""The exports that people read: Markdown pages."""

from typing import Any

import pandas as pd
from tabulate import tabulate

KINDS = {
    "latency": "Time taken",
    "help": "Help before the answer",
    "attempt": "Attempt at the item",
    "reliability_tier": "Reliability of the session",
}
N_HARDEST = 20
MASTERED = 0.8


def behaviour_page(dataset: str, metrics: dict[str, Any]) -> str:
    """Test responses by how they came about, with every model's AUC."""
    parts = [
        f"# Behaviour slices of {dataset}",
        f"{metrics['n_test_responses']:,} responses of {metrics['n_test_users']:,} "
        "test users. Behind each value stands its 95% interval, from resampling "
        "users. Time and help are known only after the answer: they explain, they "
        "do not predict.",
    ]
    titles = {name: model["title"] for name, model in metrics["models"].items()}
    for kind, title in KINDS.items():
        if kind not in metrics["slices"]:  # no sessions where time is an order
            continue
        header = [title, "responses", "users", "right", *titles.values()]
        rows = [
            [
                row["slice"],
                f"{row['n']:,}",
                f"{row['n_users']:,}",
                _value(row["correct"], row["correct_ci95"]),
                *(
                    _value(row["models"][name]["auc"], row["models"][name]["ci95"])
                    for name in titles
                ),
            ]
            for row in metrics["slices"][kind]
        ]
        parts += [f"## {title}: share right, AUC of each model", _table(rows, header)]
    return "\n\n".join(parts) + "\n"


def mastery_page(dataset: str, last: pd.DataFrame, most_items: int) -> str:
    """How well students master each skill at the end of what is known of them.

    Args:
        last: last mastery of each `user_id` and `skill_key`, one row each.
        most_items: how many items of a skill were asked at most.
    """
    last = last.set_index(["user_id", "skill_key"]).sort_index()["mastery"]
    by_skill = last.groupby("skill_key").agg(
        n="size", mean="mean", low=_quantile(0.1), high=_quantile(0.9), share=_mastered
    )
    hardest = by_skill.sort_values(["mean", "n"], kind="stable").head(N_HARDEST)
    rows = [
        [
            skill,
            f"{row.n:,}",
            f"{row.mean:.2f}",
            f"{row.low:.2f} to {row.high:.2f}",
            f"{100 * row.share:.0f}%",
        ]
        for skill, row in zip(hardest.index, hardest.itertuples(), strict=True)
    ]
    header = ["skill", "students", "mean", "10% to 90%", f"at {MASTERED} or above"]
    return (
        "\n\n".join(
            [
                f"# Mastery in {dataset}",
                "Mastery of a skill is the mean probability, predicted by SAKT right "
                "after a student's response, that the student would answer the skill's "
                f"items right: its {most_items} most answered ones, or all where there "
                "are fewer. Below: each student's last value.",
                f"{last.index.get_level_values('user_id').nunique():,} students, "
                f"{len(by_skill):,} skills, {len(last):,} pairs of both. The "
                f"{len(hardest):,} skills mastered least:",
                _table(rows, header),
            ]
        )
        + "\n"
    )


def _quantile(share: float):
    return lambda values: values.quantile(share)


def _mastered(values: pd.Series) -> float:
    return (values >= MASTERED).mean()


def _value(value: float | None, bounds: tuple[float, float] | None) -> str:
    if value is None:
        return "—"
    return (
        f"{value:.3f} [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else f"{value:.3f}"
    )


def _table(rows: list[list[str]], header: list[str]) -> str:
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)

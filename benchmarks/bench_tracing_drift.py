"""How much of planted drift is found, and how much of what is flagged is false.

    python -m benchmarks.bench_tracing_drift

Many simulated logs, each with a bank of its own of which a fifth drifts; Wide & Deep
IRT is fitted to each and looks for drift as in a run. The rate of false discoveries is
a mean over logs, so one log cannot show it.
"""

import json
from dataclasses import replace

import click
import numpy as np
import torch
from scipy import stats

from models_py.ragged import Ragged
from models_py.tracing.data import Responses, SkillSets
from models_py.tracing.shown import FEATURES
from models_py.tracing.wd_irt import WideDeepIRT, WideDeepIRTConfig
from training.evaluation.probabilities import auc
from training.fit.loop import fit
from training.fit.seeds import make_reproducible
from training.simulate.practice.days import PracticeConfig, draw_practice
from training.simulate.practice.learning import LearningConfig, Students, draw_items

N_SKILLS, VAL_SHARE = 12, 0.15
PRACTICE = PracticeConfig("2020-09-01", 640, 11.0, 0.5, assignments_min=4)


def run(
    logs: int = 12,
    users: int = 2_000,
    items: int = 96,
    drift_share: float = 0.2,
    seed: int = 0,
) -> dict:
    """Recall of planted drift, and mean share of false discoveries, with intervals."""
    threads_before = torch.get_num_threads()
    make_reproducible()
    found = [_searched(users, items, drift_share, seed + n) for n in range(logs)]
    torch.set_num_threads(threads_before)
    planted, flagged, hits = (
        np.array([log[key] for log in found]) for key in ("planted", "flagged", "found")
    )
    false_share = 1 - hits / np.maximum(flagged, 1)
    false_share[flagged == 0] = 0.0  # nothing flagged, nothing false
    return {
        "logs": logs,
        "users": users,
        "items": items,
        "answers_of_an_item": round(float(np.mean([log["answers"] for log in found]))),
        "false_discovery_rate_asked": WideDeepIRTConfig().false_discovery_rate,
        "planted": int(planted.sum()),
        "flagged": int(flagged.sum()),
        "found": int(hits.sum()),
        "recall": round(float(hits.sum() / max(planted.sum(), 1)), 4),
        "recall_ci95": _clopper_pearson(int(hits.sum()), int(planted.sum())),
        "mean_share_of_false_discoveries": round(float(false_share.mean()), 4),
        "mean_share_ci95": _t_interval(false_share),
    }


def _searched(n_users: int, n_items: int, drift_share: float, seed: int) -> dict:
    """Drift planted and flagged in one log."""
    learning = LearningConfig(n_items, N_SKILLS, drift_share=drift_share)
    responses, planted = simulated(learning, n_users, seed)
    is_val = responses.user >= (1 - VAL_SHARE) * n_users
    train, val = responses.take(~is_val), responses.take(is_val)
    model = WideDeepIRT(n_items, N_SKILLS, WideDeepIRTConfig())
    model.fit(
        train,
        val,
        lambda module, data: fit(
            module,
            data,
            settings=replace(model.config.optimiser, epochs=30),
            validate=lambda: (
                auc(val.correct.numpy(), model.predict(val).numpy()) or 0.0
            ),
            seed=seed,
        ),
    )
    drift, _ = model.drift(train)
    flagged = np.unique(drift.item[drift.is_flagged])
    return {
        "answers": len(train) / n_items,
        "planted": int(planted.sum()),
        "flagged": len(flagged),
        "found": int(planted[flagged].sum()),
    }


def simulated(
    learning: LearningConfig, n_users: int, seed: int
) -> tuple[Responses, np.ndarray]:
    """A log of answers, and which items drift, shape (I,)."""
    items = draw_items(learning, np.random.SeedSequence(seed))
    rng = np.random.default_rng(seed)
    practice = draw_practice(PRACTICE, items, n_users, rng)
    answers = Students(learning, items, n_users, rng).answer(
        practice.user, practice.item, practice.answered_at, practice.log_share(PRACTICE)
    )
    names = [str(number) for number in range(learning.n_skills)]
    lists = [[int(name) for name in names] for names in items.skill_lists(names)]
    sets, set_of_item = SkillSets.of(Ragged.from_lists(lists), learning.n_skills)
    item = torch.from_numpy(practice.item)
    behaviour = np.stack([answers.has_help, np.log1p(practice.latency / 1000)], axis=1)
    responses = Responses(
        user=torch.from_numpy(practice.user),
        item=item,
        skill_set=set_of_item[item],
        skill_sets=sets,
        correct=torch.from_numpy(answers.is_correct),
        at=torch.from_numpy(practice.answered_at // 1000),
        history=torch.zeros(len(item), len(FEATURES)),
        behaviour=torch.from_numpy(behaviour.astype(np.float32)),
        n_items=learning.n_items,
    )
    return responses, items.drift != 0


def _clopper_pearson(hits: int, trials: int) -> list[float]:
    interval = stats.binomtest(hits, trials).proportion_ci(method="exact")
    return [round(interval.low, 4), round(interval.high, 4)]


def _t_interval(values: np.ndarray) -> list[float] | None:
    if len(values) < 2:
        return None
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return [
        round(float(values.mean() - half), 4),
        round(float(values.mean() + half), 4),
    ]


@click.command()
@click.option("--logs", type=click.IntRange(1), default=12, show_default=True)
@click.option("--users", type=click.IntRange(10), default=2_000, show_default=True)
@click.option("--items", type=click.IntRange(12), default=96, show_default=True)
@click.option("--drift-share", type=float, default=0.2, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(logs: int, users: int, items: int, drift_share: float, seed: int) -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(logs, users, items, drift_share, seed), indent=2))


if __name__ == "__main__":
    main()

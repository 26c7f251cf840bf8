"""Every network that the training loop fits, with something to fit it to."""

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from models_py import registry
from tests.unit.causal.made_trials import simulated
from tests.unit.models_py.made_answers import N_ITEMS, N_SKILLS, responses_of
from tests.unit.models_py.made_data import random_walks
from tests.unit.models_py.meta.made_tasks import either_way

FITTED = (
    *("gru", "sasrec", "sakt", "dkt", "wd_irt", "causal_transformer"),
    *("maml", "fomaml_adaptive", "meta_sgd", "anil_warm", "cavia", "best"),
)


def network_and_data(name: str) -> tuple[nn.Module, Any]:
    """A model that is fitted by the loop, and what it is fitted to."""
    entry = registry.MODELS[name]
    if entry.family == "tracing":
        model = registry.create(name, n_items=N_ITEMS, n_skills=N_SKILLS)
        return model, _handed_over(model, _answers())
    if entry.family == "causal":
        trials = simulated(40).trials
        return registry.create(name, n_items=trials.n_items), trials
    if entry.wraps:
        base = registry.create("gru", n_items=9)
        model = registry.create(name, n_items=9, network=base)
        train, _ = either_way(6, 9, seed=0)
        return model, train.episodes if entry.method else train
    if entry.adapts:
        model = registry.create(name, n_items=9)
        # what is fitted of a mixture; a model that only counts is none of the loop's
        return getattr(model, "networks", model), either_way(6, 9, seed=0)[0]
    return registry.create(name, n_items=12), random_walks(12, 30)


class _Enough(Exception):
    """The loop was handed what it is to fit to."""


def _handed_over(model: Any, answers: Any) -> Any:
    """What a network makes of answers before the loop gets them."""
    handed = [answers]

    def optimise(module: nn.Module, train: Any) -> None:
        handed.append(train)
        raise _Enough

    if hasattr(model, "batches"):
        with suppress(_Enough):
            model.fit(answers, answers, optimise)
    return handed[-1]


def _answers():
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(0, 11, (9, 12), generator=generator).tolist()
    return responses_of(
        [[(n, 60, n % 2 == 0) for n in row[: 3 + u]] for u, row in enumerate(numbers)]
    )

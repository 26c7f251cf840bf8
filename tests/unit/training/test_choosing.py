"""What validation decides by once a model is fitted."""

from types import SimpleNamespace

import torch

from models_py.meta.tasks import Tasks
from tests.unit.models_py.meta.made_tasks import random_tasks
from training.recommendation.adapting import task_log_likelihoods

N_ITEMS = 9


def alone(exclude: str) -> SimpleNamespace:
    """A job of one process."""
    world = SimpleNamespace(share=lambda rows: rows, all_reduce=lambda total: total)
    config = SimpleNamespace(exclude=exclude)
    return SimpleNamespace(
        world=world, config=config, marts=SimpleNamespace(n_items=N_ITEMS)
    )


def test_log_likelihood_is_that_of_labels_among_their_candidates(monkeypatch):
    """Part by part as all at once, whatever constant a query's scores have."""
    monkeypatch.setattr("training.recommendation.adapting.SCORED_TASKS", 2)
    tasks = random_tasks(5, n_items=N_ITEMS)
    probabilities = torch.rand(len(tasks.pairs.label), N_ITEMS).softmax(-1)

    def score(part: Tasks):
        own = probabilities[part.query]
        yield own.log()
        yield own.log() + 3
        yield torch.zeros_like(own)

    found = task_log_likelihoods(alone("last"), tasks, score, 3)
    rows = tasks.query.flatten()
    among = probabilities[rows].clone()
    last, labels = tasks.pairs.prefixes.take(rows).last(), tasks.pairs.label[rows]
    among[torch.arange(len(rows)), last] = 0.0
    share = among[torch.arange(len(rows)), labels] / among.sum(1)
    # a sequence that repeats its last item asks for what is no candidate
    expected = share[share > 0].log().sum() / len(rows)
    even = -torch.tensor(N_ITEMS - 1.0).log() * (share > 0).float().mean()
    torch.testing.assert_close(torch.tensor(found[0]), expected)
    torch.testing.assert_close(torch.tensor(found[1]), expected)
    torch.testing.assert_close(torch.tensor(found[2]), even)

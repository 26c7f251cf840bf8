"""Answers to predict are dealt out by user, each to one process."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.tracing.data import Responses
from tests.unit.models_py.made_answers import responses_of, users
from training.fit.processes import World
from training.tracing.lineup import predicted_by


class Alone(World):
    """A process that is given the others' shares as nothing."""

    def all_reduce(self, values):
        return values


@dataclass
class Looking:
    """A model whose prediction needs a user's whole past, and who is asked what."""

    asked: list[np.ndarray] = field(default_factory=list)

    def predict(self, responses: Responses) -> torch.Tensor:
        self.asked.append(np.unique(responses.user.numpy()))
        place = (
            torch.arange(len(responses))
            - responses.user_starts[
                torch.searchsorted(
                    responses.user_starts, torch.arange(len(responses)), right=True
                )
                - 1
            ]
        )
        return 1 + responses.item + 100.0 * responses.user + 10_000.0 * place


@given(users, st.integers(1, 4))
def test_the_shares_of_all_processes_sum_to_what_one_would_predict(answers, size):
    responses, model = responses_of(answers), Looking()
    shares = [
        predicted_by(SimpleNamespace(world=Alone(rank, size)), model, responses)
        for rank in range(size)
    ]
    dealt = np.concatenate(model.asked)
    assert sorted(dealt) == list(range(len(answers)))  # nobody is cut, nobody twice
    whole = predicted_by(SimpleNamespace(world=World()), model, responses)
    assert whole.numpy() == pytest.approx(Looking().predict(responses).numpy())
    assert torch.equal(sum(shares), whole)

"""A step of several processes is the one that a process alone would take."""

from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.fitting import Batches
from tests.unit.models_py.made_fits import FITTED, network_and_data
from training.fit.adamw import AdamW
from training.fit.processes import World
from training.fit.step import Step

SETTINGS = OptimiserConfig(batch_size=16, min_steps=1, clip_norm=1e9)
MANY = 17  # more processes than a batch has rows


@given(st.integers(0, 50), st.integers(1, 9))
def test_shares_hold_everything_once_and_differ_by_one_at_most(n, size):
    shares = [World(rank, size).share(range(n)) for rank in range(size)]
    assert sorted(thing for share in shares for thing in share) == list(range(n))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1


@dataclass(frozen=True)
class InTurn(World):
    """Processes that come one after the other: the last one knows the sum of all."""

    brought: list[Tensor] = field(default_factory=list)

    def all_reduce(self, values: Tensor) -> Tensor:
        self.brought.append(values)
        return torch.stack(self.brought).sum(0)


def step_of(
    model: nn.Module,
    batches: Batches,
    rows: Tensor,
    world: World,
    *,
    is_bf16: bool = False,
) -> Tensor:
    """Loss, number of targets and gradients of a step that leads nowhere."""
    optimizer = AdamW(list(model.parameters()), learning_rate=0.0, weight_decay=0.0)
    step = Step(model, optimizer, SETTINGS, world, is_bf16)
    found = step.take(batches, rows, "step")
    gradients = [w.grad for w in model.parameters() if w.grad is not None]
    return torch.cat([torch.tensor(found), *(each.flatten() for each in gradients)])


@pytest.mark.parametrize("size", [3, MANY])
@pytest.mark.parametrize("name", FITTED)
def test_the_shares_of_a_batch_give_the_whole_batchs_step(name, size):
    model, train = network_and_data(name)
    model.eval()  # without noise
    batches = model.batches(train, SETTINGS, torch.Generator().manual_seed(2))
    for rows in batches.groups[: 1 if size == MANY else 2]:
        alone = step_of(model, batches, rows, World())
        brought: list[Tensor] = []
        for rank in range(size):
            together = step_of(model, batches, rows, InTurn(rank, size, brought))
        assert alone[2:].abs().max() > 0
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_process_lays_out_its_own_rows_only():
    laid_out = []

    def lay_out(rows: Tensor) -> None:
        laid_out.append(rows.tolist())
        raise KeyboardInterrupt

    batches = Batches([torch.tensor([4, 5, 6, 7, 8])], lay_out)
    for rank in range(2):
        with pytest.raises(KeyboardInterrupt):
            step_of(nn.Linear(1, 1), batches, batches.groups[0], World(rank, 2))
    assert laid_out == [[4, 6, 8], [5, 7]]


def test_every_model_that_is_fitted_by_the_loop_is_tried():
    kinds = {type(network_and_data(name)[0]) for name in FITTED}
    found = set()
    for name in registry.MODELS:
        model, _ = network_and_data(name)
        if isinstance(model, nn.Module) and hasattr(model, "batches"):
            found.add(type(model))
    assert found == kinds


# torch's LSTM learns in bf16 on CUDA only
@pytest.mark.parametrize("name", [name for name in FITTED if name != "dkt"])
def test_a_step_in_bf16_goes_where_the_one_in_fp32_goes(name):
    model, train = network_and_data(name)
    model.eval()  # without noise
    batches = model.batches(train, SETTINGS, torch.Generator().manual_seed(2))
    rows = batches.groups[0]
    exact = step_of(model, batches, rows, World())
    rounded = step_of(model, batches, rows, World(), is_bf16=True)
    assert torch.isclose(rounded[0], exact[0], rtol=0.02)
    assert torch.cosine_similarity(rounded[2:], exact[2:], dim=0) > 0.99

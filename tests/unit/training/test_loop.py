"""The training loop: stops in time, keeps the best epoch, can be taken up."""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.fitting import Batches
from tests.unit.models_py.made_data import random_walks, train_of
from training.errors import UserError
from training.fit.checkpoints import load_tensors, save_tensors
from training.fit.loop import FitCheckpoints, fit
from training.fit.seeds import derive

N_ITEMS = 9
SETTINGS = OptimiserConfig(epochs=5, batch_size=64, min_steps=1, patience=5)
TRAIN = random_walks(N_ITEMS, 100)


def created(name: str):
    return registry.create(name, n_items=N_ITEMS)


def values(*given: float):
    """A validation that gives these values, one an epoch."""
    left = iter(given)
    return lambda: next(left)


@dataclass(frozen=True)
class Point:
    """A batch that asks a one-weight model to be near a number."""

    target: float
    n_targets: int = 1

    @property
    def weight(self) -> float:
        return self.n_targets

    def to(self, device: torch.device) -> "Point":
        return self


class OneWeight(nn.Module):
    """The smallest model that the loop can train."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def batches(self, train: list[Point], settings, generator) -> Batches[Point]:
        return Batches(torch.arange(len(train)).split(1), lambda row: train[int(row)])

    def loss(self, batch: Point) -> Tensor:
        return (self.weight - batch.target) ** 2


def interrupted(given: tuple[float, ...], at_epoch: int):
    """A validation that is interrupted in one epoch, as by Ctrl-C."""
    left = iter(enumerate(given, start=1))

    def validate() -> float:
        epoch, value = next(left)
        if epoch == at_epoch:
            raise KeyboardInterrupt
        return value

    return validate


def require_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_any_module_with_batches_and_a_loss_is_trained():
    model = OneWeight()
    settings = replace(SETTINGS, learning_rate=0.5, weight_decay=0.0)
    log = fit(
        model, [Point(1.0)], settings=settings, validate=values(*range(5)), seed=1
    )
    # AdamW's first step is the learning rate itself
    assert log.epochs[0]["loss"] == 1.0
    assert log.epochs[1]["loss"] == pytest.approx(0.25)
    assert [record["epoch"] for record in log.epochs] == [1, 2, 3, 4, 5]
    assert log.train_seconds == sum(record["seconds"] for record in log.epochs)


def test_the_loss_of_an_epoch_is_a_mean_over_targets_not_batches():
    points = [Point(2.0, n_targets=3), Point(0.0, n_targets=1)]
    settings = replace(SETTINGS, epochs=1, learning_rate=1e-9)
    log = fit(OneWeight(), points, settings=settings, validate=lambda: 0.0, seed=1)
    assert log.epochs[0]["loss"] == pytest.approx((4 * 3 + 0) / 4)


def test_training_stops_after_patience_and_keeps_the_best_epoch():
    model, seen = OneWeight(), []

    def validate() -> float:
        seen.append(model.weight.item())
        return [0.1, 0.4, 0.3, 0.4, 0.9][len(seen) - 1]

    settings = replace(SETTINGS, patience=2)
    log = fit(model, [Point(1.0)], settings=settings, validate=validate, seed=1)
    assert [record["val"] for record in log.epochs] == [0.1, 0.4, 0.3, 0.4]
    assert log.best_epoch == 2  # an equal value later is no better one
    assert model.weight.item() == seen[1]


@pytest.mark.parametrize("name", ["gru", "sasrec"])
@pytest.mark.parametrize("interrupted_at", [1, 3])
def test_an_interrupted_fit_ends_bit_equal(name, interrupted_at, tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "state" / name)
    through = created(name)
    value = (0.1, 0.5, 0.2, 0.3, 0.4)
    log = fit(through, TRAIN, settings=SETTINGS, validate=values(*value), seed=7)

    with pytest.raises(KeyboardInterrupt):
        fit(
            created(name),
            TRAIN,
            settings=SETTINGS,
            validate=interrupted(value, interrupted_at),
            seed=7,
            checkpoints=checkpoints,
        )
    torch.rand(3)  # whatever happens in between
    resumed = created(name)
    again = fit(
        resumed,
        TRAIN,
        settings=SETTINGS,
        validate=values(*value[interrupted_at - 1 :]),
        seed=7,
        checkpoints=checkpoints,
    )
    require_equal(resumed.state_dict(), through.state_dict())
    assert again.best_epoch == log.best_epoch
    assert [r["loss"] for r in again.epochs] == [r["loss"] for r in log.epochs]
    state, _ = load_tensors(checkpoints.path)
    assert state["optimizer.0.step"] > 0


def test_a_finished_fit_is_taken_up_without_another_epoch(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    first, second = OneWeight(), OneWeight()
    kept = {"settings": SETTINGS, "seed": 1, "checkpoints": checkpoints}
    log = fit(first, [Point(1.0)], validate=values(0.2, 0.3, 0.1, 0, 0), **kept)
    again = fit(second, [Point(1.0)], validate=values(), **kept)
    assert again == log
    assert torch.equal(first.weight, second.weight)


def test_more_epochs_go_on_from_the_state(tmp_path):
    through, grown = OneWeight(), OneWeight()
    checkpoints = FitCheckpoints(tmp_path / "one")
    rising = (0.1, 0.2, 0.3, 0.4, 0.5)
    terms = {"seed": 1, "checkpoints": checkpoints}
    short = replace(SETTINGS, epochs=2)
    fit(grown, [Point(1.0)], settings=short, validate=values(*rising[:2]), **terms)
    fit(grown, [Point(1.0)], settings=SETTINGS, validate=values(*rising[2:]), **terms)
    fit(through, [Point(1.0)], settings=SETTINGS, validate=values(*rising), seed=1)
    assert torch.equal(grown.weight, through.weight)


def test_a_state_of_other_settings_names_them(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    kept = {"validate": lambda: 0.0, "checkpoints": checkpoints}
    fit(OneWeight(), [Point(1.0)], settings=SETTINGS, seed=1, **kept)
    other = replace(SETTINGS, learning_rate=0.5)
    with pytest.raises(
        UserError, match=r"one\.safetensors.*learning_rate: 0\.003 → 0\.5"
    ):
        fit(OneWeight(), [Point(1.0)], settings=other, seed=1, **kept)
    with pytest.raises(UserError, match=r"seed: 1 → 2"):
        fit(OneWeight(), [Point(1.0)], settings=SETTINGS, seed=2, **kept)


def test_a_state_of_another_model_is_refused(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    kept = {"settings": SETTINGS, "seed": 1, "checkpoints": checkpoints}
    fit(OneWeight(), [Point(1.0)], validate=lambda: 0.0, **kept)
    with pytest.raises(UserError, match=r"one\.safetensors.*another model.*delete"):
        fit(created("gru"), TRAIN, validate=lambda: 0.0, **kept)


def test_a_damaged_state_is_named(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    checkpoints.path.write_bytes(b"not a checkpoint")
    kept = {"settings": SETTINGS, "seed": 1, "checkpoints": checkpoints}
    with pytest.raises(UserError, match=r"one\.safetensors is damaged"):
        fit(OneWeight(), [Point(1.0)], validate=lambda: 0.0, **kept)


def test_a_loss_that_is_no_number_names_model_epoch_step_and_rate(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    points = [Point(1.0), Point(1.0)]

    def validate() -> float:
        points[1] = Point(math.nan)
        return 0.1

    with pytest.raises(
        UserError, match=r"loss of OneWeight epoch 2, step 2 is nan.*0\.003"
    ):
        fit(
            OneWeight(),
            points,
            settings=SETTINGS,
            validate=validate,
            seed=1,
            checkpoints=checkpoints,
        )
    assert len(load_tensors(checkpoints.path)[1]["history"]) == 1  # the last good epoch


def test_an_infinite_gradient_is_an_error():
    with pytest.raises(UserError, match=r"OneWeight epoch 1, step 1"):
        fit(
            OneWeight(),
            [Point(1e30)],
            settings=SETTINGS,
            validate=lambda: 0.0,
            seed=1,
        )


def test_a_validation_value_that_is_no_number_is_an_error():
    with pytest.raises(UserError, match="validation value after OneWeight epoch 1"):
        fit(
            OneWeight(),
            [Point(1.0)],
            settings=SETTINGS,
            validate=lambda: math.nan,
            seed=1,
        )


def test_training_data_without_a_target_are_an_error():
    empty = train_of([[1]], n_items=N_ITEMS)
    with pytest.raises(UserError, match="nothing to train on"):
        fit(created("gru"), empty, settings=SETTINGS, validate=lambda: 0.0, seed=1)


def test_bf16_is_refused_without_cuda():
    with pytest.raises(UserError, match="bf16 needs a CUDA device"):
        fit(
            OneWeight(),
            [Point(1.0)],
            settings=SETTINGS,
            validate=lambda: 0.0,
            seed=1,
            precision="bf16",
        )


@pytest.mark.parametrize(
    ("progress", "is_terminal", "shown"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_progress_goes_to_stderr_of_a_terminal_when_asked_for(
    progress, is_terminal, shown, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    fit(
        OneWeight(),
        [Point(1.0)],
        settings=SETTINGS,
        validate=lambda: 0.0,
        seed=1,
        progress=progress,
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert ("OneWeight epoch 1" in err) == shown


def test_seeds_differ_by_purpose_and_step_and_stay_the_same():
    seeds = [derive(1, "order", 1), derive(1, "order", 2), derive(1, "dropout", 1)]
    assert len({*seeds, derive(2, "order", 1)}) == 4
    assert derive(1, "order", 1) == seeds[0]
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_state_cut_short_by_a_kill_is_never_seen(tmp_path, monkeypatch):
    checkpoints = FitCheckpoints(tmp_path / "one")
    kept = {"settings": SETTINGS, "seed": 1, "checkpoints": checkpoints}
    fit(OneWeight(), [Point(1.0)], validate=lambda: 0.0, **kept)
    before = checkpoints.path.read_bytes()

    def killed(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        save_tensors(checkpoints.path, {"w": torch.ones(1)}, {})
    assert checkpoints.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [checkpoints.path]

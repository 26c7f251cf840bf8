"""The training loop: stops in time, keeps the best epoch, can be taken up."""

import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.fitting import Batches, Diverged
from tests.unit.models_py.made_data import random_walks, train_of
from training.errors import UserError
from training.fit.adamw import AdamW
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


def fitted(model: nn.Module, train=(Point(1.0),), **changes):
    """The log of a fit; every validation is 0 unless told otherwise."""
    usual = {"settings": SETTINGS, "validate": lambda: 0.0, "seed": 1}
    return fit(model, train, **usual | changes)


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
    settings = replace(SETTINGS, learning_rate=0.5, weight_decay=0.0)
    log = fitted(OneWeight(), settings=settings, validate=values(*range(5)))
    # AdamW's first step is the learning rate itself
    assert log.epochs[0]["loss"] == 1.0
    assert log.epochs[1]["loss"] == pytest.approx(0.25)
    assert [record["epoch"] for record in log.epochs] == [1, 2, 3, 4, 5]
    assert log.train_seconds == sum(record["seconds"] for record in log.epochs)


def test_a_step_is_that_of_the_papers_formula():
    """Loshchilov & Hutter 2019, algorithm 2; a weight without gradient rests."""
    start, gradients = [0.5, -2.0, 3.0], ([0.1, -0.2, None], [0.4, 0.0, 0.3])
    weights = [nn.Parameter(torch.tensor(value)) for value in start]
    optimizer = AdamW(weights, learning_rate=0.01, weight_decay=0.1)
    for row in gradients:
        for weight, gradient in zip(weights, row, strict=True):
            weight.grad = None if gradient is None else torch.tensor(gradient)
        optimizer.step()
    expected = []
    for number, weight in enumerate(start):
        m = v = t = 0.0
        for g in (row[number] for row in gradients if row[number] is not None):
            t += 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            step = m / (1 - 0.9**t) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
            weight -= 0.01 * (step + 0.1 * weight)
        expected.append(weight)
    assert [w.item() for w in weights] == pytest.approx(expected, rel=1e-6)


def test_the_loss_of_an_epoch_is_a_mean_over_targets_not_batches():
    points = [Point(2.0, n_targets=3), Point(0.0, n_targets=1)]
    settings = replace(SETTINGS, epochs=1, learning_rate=1e-9)
    log = fitted(OneWeight(), points, settings=settings)
    assert log.epochs[0]["loss"] == pytest.approx((4 * 3 + 0) / 4)


def test_an_epoch_ends_after_max_steps():
    near, far = Point(0.0), Point(1e6)
    settings = replace(SETTINGS, max_steps=2)
    log = fitted(OneWeight(), [near, near, far], settings=settings)
    assert log.epochs[0]["loss"] == 0


def test_training_stops_after_patience_and_keeps_the_best_epoch():
    model, seen = OneWeight(), []

    def validate() -> float:
        seen.append(model.weight.item())
        return [0.1, 0.4, 0.3, 0.4, 0.9][len(seen) - 1]

    log = fitted(model, settings=replace(SETTINGS, patience=2), validate=validate)
    assert [record["val"] for record in log.epochs] == [0.1, 0.4, 0.3, 0.4]
    assert log.best_epoch == 2  # an equal value later is no better one
    assert model.weight.item() == seen[1]


@pytest.mark.parametrize(
    ("given", "patience", "is_cut_short"),
    [
        ((0.1, 0.2, 0.3), 2, True),
        ((0.1, 0.3, 0.2), 2, True),  # one epoch without a better one, two end it
        ((0.3, 0.2, 0.1), 2, False),  # the last epoch allowed and patience at once
        # patience that no number of epochs exhausts: four without a better one do
        ((0.1, 0.3, 0.2, 0.2, 0.2), 30, True),
        ((0.3, 0.2, 0.2, 0.2, 0.2), 30, False),
    ],
)
def test_a_fit_that_its_last_epoch_ended_is_cut_short(given, patience, is_cut_short):
    settings = replace(SETTINGS, epochs=len(given), patience=patience)
    log = fitted(OneWeight(), settings=settings, validate=values(*given))
    assert log.is_cut_short == is_cut_short


@pytest.mark.parametrize(
    ("averaging", "shares"),
    [(0.0, [0, 0, 1]), (0.5, [1 / 6, 2 / 6, 3 / 6]), (1.0, [1 / 3, 1 / 3, 1 / 3])],
)
def test_the_mean_of_the_latest_weights_is_validated_and_kept(averaging, shares):
    model, seen = OneWeight(), []

    def look() -> float:
        seen.append(model.weight.item())
        return float(len(seen))

    settings = replace(SETTINGS, epochs=3, learning_rate=0.1)
    log = fitted(model, settings=settings, validate=look)  # a step an epoch
    steps = seen.copy()
    averaged = replace(settings, averaging=averaging)
    again = fitted(model := OneWeight(), settings=averaged, validate=look)
    mean = sum(share * step for share, step in zip(shares, steps, strict=True))
    assert model.weight.item() == seen[-1] == pytest.approx(mean)
    # steps go on from where they were, not from the mean
    assert [r["loss"] for r in again.epochs] == [r["loss"] for r in log.epochs]


@pytest.mark.parametrize("name", ["gru", "sasrec"])
@pytest.mark.parametrize("interrupted_at", [1, 3])
def test_an_interrupted_fit_ends_bit_equal(name, interrupted_at, tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "state" / name)
    through, resumed = created(name), created(name)
    value = (0.1, 0.5, 0.2, 0.3, 0.4)
    settings = replace(SETTINGS, averaging=0.5)
    log = fit(through, TRAIN, settings=settings, validate=values(*value), seed=7)

    kept = {"settings": settings, "seed": 7, "checkpoints": checkpoints}
    with pytest.raises(KeyboardInterrupt):
        fit(created(name), TRAIN, validate=interrupted(value, interrupted_at), **kept)
    torch.rand(3)  # whatever happens in between
    left = values(*value[interrupted_at - 1 :])
    again = fit(resumed, TRAIN, validate=left, **kept)
    require_equal(resumed.state_dict(), through.state_dict())
    assert again.best_epoch == log.best_epoch
    assert [r["loss"] for r in again.epochs] == [r["loss"] for r in log.epochs]
    state, _ = load_tensors(checkpoints.path)
    assert state["optimizer.0.step"] > 0


def test_a_finished_fit_is_taken_up_without_another_epoch(tmp_path):
    kept = {"checkpoints": FitCheckpoints(tmp_path / "one")}
    first, second = OneWeight(), OneWeight()
    log = fitted(first, validate=values(0.2, 0.3, 0.1, 0, 0), **kept)
    assert fitted(second, validate=values(), **kept) == log
    assert torch.equal(first.weight, second.weight)


def test_more_epochs_go_on_from_the_state(tmp_path):
    through, grown = OneWeight(), OneWeight()
    kept = {"checkpoints": FitCheckpoints(tmp_path / "one")}
    rising = (0.1, 0.2, 0.3, 0.4, 0.5)
    short = replace(SETTINGS, epochs=2)
    fitted(grown, settings=short, validate=values(*rising[:2]), **kept)
    fitted(grown, validate=values(*rising[2:]), **kept)
    fitted(through, validate=values(*rising))
    assert torch.equal(grown.weight, through.weight)


def test_a_state_of_other_settings_names_them(tmp_path):
    kept = {"checkpoints": FitCheckpoints(tmp_path / "one")}
    fitted(OneWeight(), **kept)
    changed = r"one\.safetensors.*learning_rate: 0\.003 → 0\.5"
    with pytest.raises(UserError, match=changed):
        fitted(OneWeight(), settings=replace(SETTINGS, learning_rate=0.5), **kept)
    with pytest.raises(UserError, match=r"seed: 1 → 2"):
        fitted(OneWeight(), seed=2, **kept)


def test_a_state_of_a_version_with_other_settings_names_them(tmp_path):
    kept = {"checkpoints": FitCheckpoints(tmp_path / "one")}
    with pytest.MonkeyPatch.context() as patch:
        older = {k: v for k, v in asdict(SETTINGS).items() if k != "averaging"}
        patch.setattr("training.fit.loop.asdict", lambda _: {**older, "momentum": 0.9})
        fitted(OneWeight(), **kept)
    words = r"one\.safetensors is .* another version .* averaging, momentum.*delete it"
    with pytest.raises(UserError, match=words):
        fitted(OneWeight(), **kept)


def test_a_state_of_another_model_or_a_damaged_one_is_refused(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    fitted(OneWeight(), checkpoints=checkpoints)
    with pytest.raises(UserError, match=r"one\.safetensors.*another model.*delete"):
        fit(
            *(created("gru"), TRAIN),
            settings=SETTINGS,
            seed=1,
            checkpoints=checkpoints,
            validate=lambda: 0.0,
        )
    checkpoints.path.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=r"one\.safetensors is damaged"):
        fitted(OneWeight(), checkpoints=checkpoints)


def test_a_loss_that_is_no_number_names_model_epoch_step_and_rate(tmp_path):
    checkpoints = FitCheckpoints(tmp_path / "one")
    points = [Point(1.0), Point(1.0)]

    def validate() -> float:
        points[1] = Point(math.nan)
        return 0.1

    named = r"loss of OneWeight epoch 2, step 2 is nan.*0\.003"
    with pytest.raises(UserError, match=named):
        fitted(OneWeight(), points, validate=validate, checkpoints=checkpoints)
    assert len(load_tensors(checkpoints.path)[1]["history"]) == 1  # the last good epoch


def test_scores_that_are_no_numbers_when_validated_name_model_epoch_and_rate():
    def validate() -> float:
        raise Diverged("scores of 3 of 4 queries hold NaN")

    named = r"value after OneWeight epoch 1: scores of 3 of 4 .*0\.003; choose"
    with pytest.raises(UserError, match=named):
        fitted(OneWeight(), validate=validate)


class Steep(OneWeight):
    """A loss of 0 with an infinite gradient."""

    def loss(self, batch: Point) -> Tensor:
        return self.weight.sqrt()


def test_an_infinite_gradient_is_an_error():
    with pytest.raises(UserError, match="gradient of Steep epoch 1, step 1"):
        fitted(Steep())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train": [Point(1e30)]}, "loss of OneWeight epoch 1, step 1"),
        ({"validate": lambda: math.nan}, "validation value after OneWeight epoch 1"),
        ({"precision": "bf16"}, "bf16 needs a CUDA device"),
    ],
    ids=["infinite loss", "validation that is no number", "bf16 without CUDA"],
)
def test_what_cannot_be_trained_is_an_error(changes, named):
    with pytest.raises(UserError, match=named):
        fitted(OneWeight(), **changes)


def test_training_data_without_a_target_are_an_error():
    empty = train_of([[1]], n_items=N_ITEMS)
    with pytest.raises(UserError, match="nothing to train on"):
        fit(created("gru"), empty, settings=SETTINGS, validate=lambda: 0.0, seed=1)


@pytest.mark.parametrize(
    ("progress", "is_terminal", "shown"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_progress_goes_to_stderr_of_a_terminal_when_asked_for(
    progress, is_terminal, shown, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    fitted(OneWeight(), progress=progress)
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
    fitted(OneWeight(), checkpoints=checkpoints)
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

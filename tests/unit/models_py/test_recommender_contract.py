"""What every recommender of the registry promises, whatever it is inside."""

import dataclasses
from functools import partial

import pytest
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from tests.unit.models_py.made_data import queries_of, random_walks
from training.fit.checkpoints import load_model, save_model
from training.fit.loop import fit

N_ITEMS = 15
SIZES = {"n_items": N_ITEMS}
QUICK = OptimiserConfig(epochs=2, batch_size=64, min_steps=1)
QUERIES = queries_of(
    [[0], [3, 1, 4, 1, 5], list(range(15)) * 3, [14], [0, 0], [2, 7, 1], [9] * 60],
    [-1, 4, 7, -1, 2, 0, 1],
)

# those that adapt have tests of their own
PLAIN = [n for n in registry.names("recommendation") if not registry.MODELS[n].adapts]
every_model = pytest.mark.parametrize("name", PLAIN)


def config_of(name: str):
    config = registry.CONFIGS[name]()
    if hasattr(config, "optimiser"):
        return dataclasses.replace(config, optimiser=QUICK)
    return config


def fitted(name: str, seed: int = 0):
    model = registry.create(name, n_items=N_ITEMS, config=config_of(name))
    optimise = partial(fit, settings=QUICK, validate=lambda: 0.0, seed=3)
    model.fit(random_walks(N_ITEMS, 80, seed), optimise)
    return model


@every_model
def test_scores_are_finite_floats_a_column_an_item(name):
    scores = fitted(name).score(QUERIES)
    assert scores.shape == (len(QUERIES), N_ITEMS)
    assert scores.dtype == torch.float32
    assert scores.device.type == "cpu"
    assert scores.isfinite().all()


@every_model
def test_scores_do_not_depend_on_the_batch(name):
    model = fitted(name)
    together = model.score(QUERIES)
    for row in range(len(QUERIES)):
        alone = model.score(QUERIES.take(torch.tensor([row])))[0]
        torch.testing.assert_close(together[row], alone, rtol=1e-5, atol=1e-5)
    backwards = torch.arange(len(QUERIES)).flip(0)
    torch.testing.assert_close(
        model.score(QUERIES.take(backwards)), together[backwards], rtol=1e-5, atol=1e-5
    )


@every_model
def test_scores_belong_to_the_caller(name):
    model = fitted(name)
    first = model.score(QUERIES)
    kept = first.clone()
    first.fill_(-1.0)  # as an evaluation does that masks candidates
    assert torch.equal(model.score(QUERIES), kept)


@every_model
def test_the_same_data_give_the_same_model(name):
    assert torch.equal(fitted(name).score(QUERIES), fitted(name).score(QUERIES))


@every_model
def test_a_saved_model_scores_the_same(name, tmp_path):
    model = fitted(name)
    path = tmp_path / f"{name}.safetensors"
    save_model(path, name, model, config_of(name), SIZES)
    loaded_name, loaded = load_model(path)
    assert loaded_name == name
    assert torch.equal(loaded.score(QUERIES), model.score(QUERIES))
    assert loaded.n_parameters == model.n_parameters


@every_model
def test_saving_twice_gives_the_same_bytes(name, tmp_path):
    for file in ("one", "two"):
        save_model(
            tmp_path / file, name, fitted(name), config_of(name), {"n_items": N_ITEMS}
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@every_model
def test_no_queries_give_no_scores(name):
    assert fitted(name).score(queries_of([])).shape == (0, N_ITEMS)

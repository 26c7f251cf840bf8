"""What every model of knowledge tracing promises, whatever it is inside."""

from dataclasses import replace
from functools import cache, partial

import pytest
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.tracing.data import Responses
from tests.unit.models_py.made_answers import (
    N_ITEMS,
    N_SKILLS,
    responses_of,
    simulated,
)
from training.evaluation.probabilities import auc
from training.fit.checkpoints import load_model, save_model
from training.fit.loop import fit
from training.tracing.checks import leaks
from training.tracing.past import recounted

SIZES = {"n_items": N_ITEMS, "n_skills": N_SKILLS}
QUICK = OptimiserConfig(epochs=2, batch_size=200, min_steps=1)
SLOW = {"dkt": replace(QUICK, epochs=30, learning_rate=1e-2)}  # starts from nothing
NAMES = registry.names("tracing")
TRAIN = simulated(seed=0).responses
VAL = simulated(n_users=20, seed=4).responses
OTHERS = simulated(n_users=20, seed=1).responses

every_model = pytest.mark.parametrize("name", NAMES)


def config_of(name: str):
    config = registry.CONFIGS[name]()
    members = {each: config_of(each) for each in registry.MODELS[name].members}
    small = {"optimiser": QUICK, "dim": 8, "n_heads": 2, "min_leaf": 20}
    known = {key: value for key, value in small.items() if hasattr(config, key)}
    return replace(config, **known, **members)


def fresh(name: str, train: Responses):
    model = registry.create(name, config=config_of(name), **SIZES)
    val = VAL if len(train) > 1 else train
    settings = SLOW.get(name, QUICK)
    model.fit(train, val, partial(fit, settings=settings, validate=lambda: 0.0, seed=3))
    return model


@cache
def fitted(name: str):
    return fresh(name, TRAIN)


def with_coins(responses: Responses, seed: int) -> Responses:
    """The same questions, answered by a coin."""
    coins = torch.rand(len(responses), generator=torch.Generator().manual_seed(seed))
    return recounted(replace(responses, correct=coins < 0.5))


@every_model
def test_predictions_are_probabilities(name):
    found = fitted(name).predict(OTHERS)
    assert found.shape == (len(OTHERS),)
    assert found.dtype == torch.float32
    assert ((found > 0) & (found < 1)).all()


@every_model
def test_a_user_alone_is_predicted_as_among_others(name):
    model = fitted(name)
    together = model.predict(OTHERS)
    for user in (0, 7):
        rows = OTHERS.user == user
        alone = model.predict(OTHERS.take(rows))
        torch.testing.assert_close(together[rows], alone, rtol=1e-5, atol=1e-5)


@every_model
def test_no_prediction_sees_its_answer_or_what_comes_later(name):
    for what, change in leaks(fitted(name), OTHERS):
        assert change < 1e-5, what


@every_model
def test_the_same_data_give_the_same_model(name):
    assert torch.equal(fresh(name, TRAIN).predict(OTHERS), fitted(name).predict(OTHERS))


@every_model
def test_a_saved_model_predicts_the_same(name, tmp_path):
    model, path = fitted(name), tmp_path / f"{name}.safetensors"
    save_model(path, name, model, config_of(name), SIZES)
    loaded_name, loaded = load_model(path)
    assert loaded_name == name
    assert torch.equal(loaded.predict(OTHERS), model.predict(OTHERS))
    assert loaded.n_parameters == model.n_parameters


@every_model
def test_an_item_a_skill_and_a_user_never_seen_are_predicted(name):
    """Item 11 and skill 4 are in no training answer; the users have one or two."""
    odd = responses_of([[(11, 0, True)], [(11, 0, False), (5, 30, True)]])
    odd = replace(
        odd,
        skill_sets=replace(
            odd.skill_sets,
            members=replace(
                odd.skill_sets.members,
                values=torch.full_like(odd.skill_sets.members.values, N_SKILLS - 1),
            ),
        ),
    )
    found = fitted(name).predict(odd)
    assert ((found > 0) & (found < 1)).all()


@every_model
def test_one_user_with_one_answer_is_enough_to_fit(name):
    found = fresh(name, responses_of([[(3, 0, True)]])).predict(OTHERS)
    assert ((found > 0) & (found < 1)).all()


@every_model
def test_it_does_better_than_a_coin_on_new_users(name):
    """Item rates alone reach .69 here, the process itself .80; DKT knows no items."""
    margin = 0.05 if name == "dkt" else 0.15
    order = fitted(name).predict(OTHERS).argsort()
    right = OTHERS.correct[order].double()
    half = len(right) // 2
    assert right[half:].mean() > right[:half].mean() + margin


@every_model
def test_what_was_learned_of_coins_predicts_no_coins(name):
    """Fitted on random answers, the AUC on others is 1/2 to 4 standard errors."""
    model = fresh(name, with_coins(TRAIN, seed=2))
    data = with_coins(simulated(n_users=40, seed=1).responses, seed=3)
    found = auc(data.correct.numpy(), model.predict(data).numpy())
    n_right, n_wrong = int(data.correct.sum()), int((~data.correct).sum())
    error = ((len(data) + 1) / (12 * n_right * n_wrong)) ** 0.5  # Mann and Whitney's
    assert abs(found - 0.5) < 4 * error


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("item_rate", "weight", 0.0),
        ("logistic", "n_folds", 1),
        ("gbt", "n_leaves", 1),
        ("sakt", "n_heads", 3),
        ("wd_irt", "false_discovery_rate", 1.0),
        ("dkt", "dropout", 1.0),
        ("blend", "evenness", -1.0),
    ],
)
def test_a_setting_out_of_range_is_refused(name, setting, value):
    with pytest.raises(ValueError, match=setting):
        registry.CONFIGS[name](**{setting: value})

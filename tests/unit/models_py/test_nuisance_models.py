"""What every nuisance model of the registry promises, and what each one computes."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from models_py import registry
from models_py.causal import nuisance, summary
from models_py.causal.nuisance import SummaryBoosting, SummaryBoostingConfig
from models_py.causal.transformer import CausalTransformer, CausalTransformerConfig
from models_py.causal.trials import FIRST_PRODUCT, UNKNOWN_ITEM
from models_py.config import OptimiserConfig
from tests.unit.causal.made_trials import simulated, trials_of
from training.fit.checkpoints import load_model, save_model
from training.fit.loop import fit

QUICK = OptimiserConfig(epochs=2, batch_size=64, min_steps=1)
TRIALS = simulated().trials
every_model = pytest.mark.parametrize("name", registry.names("causal"))


def config_of(name: str):
    config = registry.CONFIGS[name]()
    if hasattr(config, "optimiser"):
        return dataclasses.replace(config, optimiser=QUICK, dim=8, n_heads=2)
    return config


def fitted(name: str, trials=TRIALS):
    model = registry.create(name, n_items=trials.n_items, config=config_of(name))
    model.fit(trials, partial(fit, settings=QUICK, validate=lambda: 0.0, seed=3))
    return model


@every_model
def test_predictions_are_probabilities_a_row_a_trial(name):
    found = fitted(name).predict(TRIALS)
    assert found.shape == (len(TRIALS), 3)
    assert found.dtype == torch.float64
    assert ((found > 0) & (found < 1)).all()


@every_model
def test_a_prediction_hangs_on_the_trial_s_own_history_alone(name):
    model = fitted(name)
    together = model.predict(TRIALS)
    backwards = torch.arange(len(TRIALS)).flip(0)
    torch.testing.assert_close(
        model.predict(TRIALS.take(backwards)), together[backwards], rtol=1e-5, atol=1e-6
    )
    for row in range(0, len(TRIALS), 97):
        alone = model.predict(TRIALS.take(torch.tensor([row])))[0]
        torch.testing.assert_close(together[row], alone, rtol=1e-5, atol=1e-6)


@every_model
def test_a_prediction_does_not_read_treatment_or_outcome(name):
    model = fitted(name)
    turned = dataclasses.replace(
        TRIALS, treatment=1 - TRIALS.treatment, outcome=1 - TRIALS.outcome
    )
    assert torch.equal(model.predict(turned), model.predict(TRIALS))


@every_model
def test_the_same_data_give_the_same_model(name):
    assert torch.equal(fitted(name).predict(TRIALS), fitted(name).predict(TRIALS))


@every_model
def test_a_saved_model_predicts_the_same(name, tmp_path):
    model, path = fitted(name), tmp_path / "model.safetensors"
    save_model(path, name, model, config_of(name), {"n_items": TRIALS.n_items})
    loaded_name, loaded = load_model(path)
    assert loaded_name == name
    assert torch.equal(loaded.predict(TRIALS), model.predict(TRIALS))
    assert loaded.n_parameters == model.n_parameters > 0


@every_model
def test_an_arm_without_purchases_is_predicted_few(name):
    is_treated = TRIALS.treatment == 1
    none = dataclasses.replace(
        TRIALS, outcome=torch.where(is_treated, 0.0, TRIALS.outcome)
    )
    treated = fitted(name, none).predict(none)[:, 2]
    assert treated.mean() < TRIALS.outcome.mean() / 2


def test_no_trials_give_no_predictions():
    none = TRIALS.take(torch.empty(0, dtype=torch.int64))
    for name in registry.names("causal"):
        assert fitted(name).predict(none).shape == (0, 3)


def test_the_logistic_models_are_scikit_learn_s():
    x = summary.features(TRIALS)
    spread = x.std(0)
    z = (x - x.mean(0)) / np.where(spread < 1e-9, 1, spread)
    treated = (TRIALS.treatment == 1).numpy()
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    theirs.fit(z[treated], TRIALS.outcome.numpy()[treated])
    ours = fitted("summary_logistic").predict(TRIALS)[:, 2].numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(z)[:, 1], atol=1e-4)


def test_the_kept_trees_predict_as_scikit_learn_s_do():
    """They are read out of scikit-learn's private arrays: this says when those move."""
    config = SummaryBoostingConfig()
    theirs = HistGradientBoostingClassifier(
        max_iter=config.n_trees,
        learning_rate=config.learning_rate,
        max_leaf_nodes=config.max_leaves,
        min_samples_leaf=config.min_leaf,
        l2_regularization=config.penalty,
        early_stopping=False,
    )
    x = summary.features(TRIALS)
    theirs.fit(x, TRIALS.treatment.numpy())
    other = simulated(seed=1).trials
    model = SummaryBoosting(TRIALS.n_items, config)
    model.fit(TRIALS, None)
    for trials in (TRIALS, other):
        np.testing.assert_allclose(
            model.predict(trials)[:, 0].numpy(),
            theirs.predict_proba(summary.features(trials))[:, 1],
            rtol=1e-12,
        )


def test_a_state_of_other_trees_is_refused():
    small = SummaryBoosting(5, SummaryBoostingConfig(n_trees=3))
    small.fit(TRIALS, None)
    with pytest.raises(ValueError, match="3 trees, not 60"):
        SummaryBoosting(5, SummaryBoostingConfig()).load_state_dict(small.state_dict())


def test_probabilities_keep_off_the_edge():
    extreme = nuisance._probabilities(np.array([[-1e3, 0.0, 1e3]]))
    assert extreme.tolist() == [[1e-4, 0.5, 1 - 1e-4]]


def history(items: list[int], gap: float = 3.0) -> list[tuple[int, int, float]]:
    """Impressions of products, so many minutes apart."""
    return [(1, item, gap * (len(items) - 1 - n)) for n, item in enumerate(items)]


def network(**settings) -> CausalTransformer:
    return CausalTransformer(12, CausalTransformerConfig(**settings)).eval()


def test_the_transformer_reads_the_order_of_events():
    forth = trials_of([history([3, 4, 5, 6])], [0])
    back = trials_of([history([5, 4, 3, 6])], [0])
    model = network()
    assert not torch.allclose(model.predict(forth), model.predict(back), atol=1e-7)
    np.testing.assert_array_equal(summary.features(forth), summary.features(back))


def test_a_long_session_is_read_in_windows_that_answer_as_single_ones_do():
    items = [3 + n % 9 for n in range(23)]
    longest = history(items)
    trials = trials_of(
        [
            [(1, item, 3.0 * (n - k)) for k, item in enumerate(items[: n + 1])]
            for n in range(len(items))
        ],
        [0] * len(items),
        index_at=[86_400 + 180 * n for n in range(len(items))],
    )
    model = network(max_length=6)
    together = model.predict(trials)
    for row in range(len(items)):
        alone = model.predict(trials.take(torch.tensor([row])))[0]
        torch.testing.assert_close(together[row], alone, rtol=1e-5, atol=1e-6)
    # what lies further back than the window is not read
    elsewhere = trials_of(
        [[(1, 11, m) for _, _, m in longest[:17]] + longest[17:]],
        [0],
        index_at=[86_400 + 180 * 22],
    )
    torch.testing.assert_close(
        model.predict(elsewhere)[0], together[-1], rtol=1e-5, atol=1e-6
    )


def test_the_transformer_keeps_off_the_edge_too():
    model = network()
    with torch.no_grad():
        model.heads.bias.copy_(torch.tensor([-1e3, 0.0, 1e3]))
    (row,) = model.predict(trials_of([history([3, 4])], [0])).tolist()
    assert (row[0], row[2]) == (1e-4, 1 - 1e-4)


def test_without_a_treated_trial_the_network_starts_at_everybody_s_rate():
    untreated = dataclasses.replace(TRIALS, treatment=torch.zeros(len(TRIALS)).double())
    assert fitted("causal_transformer", untreated).predict(TRIALS).isfinite().all()


def test_the_unknown_product_is_learned_by_dropping_known_ones():
    known = trials_of([history([3, 4, 5])] * 8, list(range(8)))
    for item_dropout, learns in ((0.5, True), (0.0, False)):
        config = CausalTransformerConfig(item_dropout=item_dropout, optimiser=QUICK)
        model = CausalTransformer(12, config)
        before = model.item.weight[UNKNOWN_ITEM].clone()
        settings = dataclasses.replace(QUICK, weight_decay=0.0)
        model.fit(known, partial(fit, settings=settings, validate=lambda: 0.0, seed=3))
        assert (not torch.equal(model.item.weight[UNKNOWN_ITEM], before)) == learns


def test_only_products_are_dropped():
    model = CausalTransformer(12, CausalTransformerConfig(item_dropout=0.999))
    items = torch.tensor([[0, 1, UNKNOWN_ITEM, FIRST_PRODUCT, 11]])
    shown = model.train()._with_unknown(items)
    assert shown.tolist() == [[0, 1, UNKNOWN_ITEM, UNKNOWN_ITEM, UNKNOWN_ITEM]]
    assert model.eval()._with_unknown(items) is items


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 10, "n_heads": 4}, "n_heads must divide dim"),
        ({"max_length": 7}, "max_length must be even"),
        ({"item_dropout": 1.0}, r"item_dropout must be in \[0, 1\)"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CausalTransformerConfig(**settings)

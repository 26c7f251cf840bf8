"""What every model that adapts promises, and that adapting helps where it can."""

import dataclasses
from functools import partial

import pytest
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.meta.best import KINDS_WEIGHTS
from models_py.meta.blocks import Blocks
from models_py.meta.context import ContextConfig, ContextGRU
from models_py.meta.tasks import Tasks
from models_py.recommendation.repeats import REPEAT_WEIGHTS
from models_py.recommendation.session_knn import SessionKNNConfig
from tests.unit.models_py.meta.made_tasks import either_way, pairs_of, random_tasks
from training.fit.checkpoints import load_model, save_model
from training.fit.loop import fit

N_ITEMS = 9
QUICK = OptimiserConfig(epochs=1, batch_size=64, min_steps=1)
BASE = registry.CONFIGS["gru"](embedding_dim=4, hidden_dim=6)
TASKS = random_tasks(7, n_items=N_ITEMS)

# every method, start and way with reliability; names only put these together
KINDS = ("maml", "fomaml_adaptive", "meta_sgd_warm", "anil_warm_adaptive")
OTHERS = ("fine_tune", "cavia", "markov_mixture", "best")
every_kind = pytest.mark.parametrize("name", [*KINDS, *OTHERS])


def config_of(name: str):
    kind = registry.CONFIGS[name]
    if name == "cavia":
        return kind(context_dim=3, optimiser=QUICK)
    if name == "markov_mixture":
        return kind(n_kinds=3)
    if registry.MODELS[name].method:
        return kind(validate_every=1, tasks_per_step=2, optimiser=QUICK)
    network = dataclasses.replace(kind().network, embedding_dim=4, hidden_dim=6)
    return kind(network=network, optimiser=QUICK)


def created(name: str):
    wrapped = {}
    if registry.MODELS[name].wraps:
        wrapped = {"network": registry.create("gru", n_items=N_ITEMS, config=BASE)}
    return registry.create(name, n_items=N_ITEMS, config=config_of(name), **wrapped)


def fitted(name: str):
    model = created(name)
    train, _ = either_way(12, N_ITEMS, seed=1)
    model.fit(train, partial(fit, settings=QUICK, validate=lambda: 0.0, seed=3))
    return model


@every_kind
def test_a_saved_model_scores_the_same(name, tmp_path):
    """Fitted twice, saved twice: the same bytes; loaded: the same scores."""
    model, base = fitted(name), BASE if registry.MODELS[name].wraps else None
    sizes = {"n_items": N_ITEMS}
    paths = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    for path, one in zip(paths, (model, fitted(name)), strict=True):
        save_model(path, name, one, config_of(name), sizes, base)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    loaded_name, loaded = load_model(paths[0])
    assert loaded_name == name
    assert loaded.n_parameters == model.n_parameters
    scores = model.score_tasks(TASKS)
    assert scores.shape == (7, 4, N_ITEMS)
    assert scores.isfinite().all()
    assert torch.equal(loaded.score_tasks(TASKS), scores)


@pytest.mark.parametrize(("few", "expected"), [(12 * 7, 2), (12 * 7 - 1, 1)])
def test_best_has_a_second_network_where_there_are_few_train_pairs(
    few, expected, monkeypatch, tmp_path
):
    monkeypatch.setattr("models_py.meta.context_networks.FEW", few)
    model, path = fitted("best"), tmp_path / "best.safetensors"
    assert len(model.networks.each) == expected
    save_model(path, "best", model, config_of("best"), {"n_items": N_ITEMS}, None)
    _, loaded = load_model(path)
    assert torch.equal(loaded.score_tasks(TASKS), model.score_tasks(TASKS))


def test_names_are_composed_of_method_start_and_reliability():
    extras = ("", "_adaptive", "_warm", "_warm_adaptive")
    for method in ("maml", "fomaml", "meta_sgd", "anil"):
        for extra in extras:
            wraps = registry.MODELS[method + extra].wraps
            assert wraps == ("trained" if "_warm" in extra else "fresh")
    assert registry.MODELS["fine_tune"].wraps == "trained"
    assert "fine_tune_warm" not in registry.MODELS


def hit_rate(model, tasks) -> float:
    best = model.score_tasks(tasks).argmax(-1)
    return float((best == tasks.pairs.label[tasks.query]).float().mean())


def test_best_reads_the_direction_off_the_support():
    """Without support a walk's direction is a coin's; with it, known."""
    # for some epochs it knows no more than a coin, for weights are silenced too
    settings = OptimiserConfig(
        learning_rate=1e-2, epochs=25, batch_size=64, patience=20
    )
    kind = registry.CONFIGS["best"]
    network = dataclasses.replace(
        kind().network, embedding_dim=24, hidden_dim=24, dropout=0.0
    )
    config = kind(
        n_networks=1,
        kinds_weight=0.0,
        knn_weight=0.0,
        markov_weight=0.0,
        network=network,
        optimiser=settings,
        knn=SessionKNNConfig(),
    )
    model = registry.create("best", n_items=N_ITEMS, config=config)
    train, _ = either_way(150, N_ITEMS, seed=1)
    _, others = either_way(60, N_ITEMS, seed=2)
    optimise = partial(fit, settings=settings, seed=3)
    model.fit(
        train, lambda m, t: optimise(m, t, validate=lambda: hit_rate(model, others))
    )
    assert hit_rate(model, others) > 0.9
    assert 0.35 < hit_rate(model, others.with_support(0)) < 0.65


def weighted(config, repeats: float = 0.0):
    return dataclasses.replace(
        config,
        repeat_weight=repeats,
        kinds_weight=0.3,
        knn_weight=0.2,
        markov_weight=0.1,
    )


def test_best_is_the_weighted_mean_of_its_parts_log_probabilities():
    model, blocks = fitted("best"), Blocks.of_tasks(TASKS)
    model.choose(weighted(model.config))
    config, queries = model.config, blocks.queries()

    def smoothed(votes: torch.Tensor) -> torch.Tensor:
        shares = torch.nan_to_num(votes / votes.sum(1, keepdim=True))
        return 0.5 * shares + 0.5 / N_ITEMS

    of_knn, of_markov = config.knn_weight, config.markov_weight
    read = model.networks.probabilities(blocks)
    expected = (
        read ** (1 - of_knn - of_markov)
        * smoothed(model.knn.score(queries)) ** of_knn
        * smoothed(model.markov.score(queries)) ** of_markov
    )
    expected /= expected.sum(1, keepdim=True)
    expected = 0.7 * expected + 0.3 * model.kinds.score_blocks(blocks)
    found = model.score_tasks(TASKS).exp().flatten(0, 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_neighbours_do_not_speak_while_the_networks_are_fitted():
    model, while_fitted = created("best"), []
    model.choose(weighted(model.config, repeats=0.5))

    def optimise(networks, _):
        read = networks.probabilities(Blocks.of_tasks(TASKS)).unflatten(0, (7, 4))
        while_fitted.append((model.score_tasks(TASKS).exp(), read))

    model.fit(either_way(12, N_ITEMS, seed=1)[0], optimise)
    ((found, read),) = while_fitted
    torch.testing.assert_close(found, read)
    assert not torch.allclose(model.score_tasks(TASKS).exp(), read)


def test_best_offers_validation_what_it_would_score_after_each_choice():
    """First shares for repeats, then the other weights, then shares for kinds."""
    model = fitted("best")
    assert model.judge == "mrr"
    shares = assert_scored_as_offered(model)
    assert [(each.knn_weight, each.repeat_weight) for each in shares] == [
        (None, weight) for weight in REPEAT_WEIGHTS
    ]
    model.choose(shares[3])
    rest = assert_scored_as_offered(model)
    weights = {(each.knn_weight, each.markov_weight) for each in rest}
    assert (0.0, 0.0) in weights and all(sum(both) < 1 for both in weights)
    decided = {(each.repeat_weight, each.kinds_weight) for each in rest}
    assert decided == {(REPEAT_WEIGHTS[3], None)}
    model.choose(rest[5])
    assert model.judge == "log_likelihood"
    kinds = assert_scored_as_offered(model)
    assert kinds == [
        dataclasses.replace(rest[5], kinds_weight=weight) for weight in KINDS_WEIGHTS
    ]
    model.choose(kinds[1])
    assert model.choices == [kinds[1]]  # nothing is left open


def test_a_share_for_kinds_that_is_given_counts_while_the_rest_is_chosen():
    model = fitted("best")
    settings = dataclasses.replace(model.config, repeat_weight=0.1, kinds_weight=0.2)
    model.choose(settings)
    assert {each.kinds_weight for each in assert_scored_as_offered(model)} == {0.2}


def test_kinds_without_a_share_are_not_kept(tmp_path):
    model = fitted("best")
    weights = {"knn_weight": 0.0, "markov_weight": 0.1, "repeat_weight": 0.0}
    model.choose(dataclasses.replace(model.config, kinds_weight=0.0, **weights))
    assert not any(name.startswith("kinds.") for name in model.state_dict())
    path = tmp_path / "best.safetensors"
    save_model(path, "best", model, model.config, {"n_items": N_ITEMS}, None)
    _, loaded = load_model(path)
    assert torch.equal(loaded.score_tasks(TASKS), model.score_tasks(TASKS))
    assert loaded.n_parameters == model.n_parameters


def assert_scored_as_offered(model):
    offered, choices = list(model.score_task_choices(TASKS)), model.choices
    for choice, scores in zip(choices, offered, strict=True):
        model.choose(choice)
        torch.testing.assert_close(model.score_tasks(TASKS), scores.log_softmax(-1))
    return choices


def test_silenced_weights_are_those_of_support_and_prefix_alike():
    """A step is one of the network that has no such weights."""
    config = ContextConfig(
        embedding_dim=4, hidden_dim=6, dropout=0.0, weight_dropout=0.5
    )
    network, blocks = ContextGRU(N_ITEMS, config, 1), Blocks.of_tasks(TASKS)
    batch = network.lay_out(blocks)
    torch.manual_seed(5)
    found = network.states(batch)
    torch.manual_seed(5)
    with torch.no_grad():
        kept = torch.nn.functional.dropout(network.gru.weight_hh_l0, 0.5)
        assert not torch.allclose(network.eval().states(batch), found)
        network.gru.weight_hh_l0.copy_(kept)
        torch.testing.assert_close(network.states(batch), found)


def test_reliability_is_read_of_sessions_that_are_over():
    """Of the one that the queries continue it would tell how that will end."""
    network = ContextGRU(
        N_ITEMS, ContextConfig(embedding_dim=4, hidden_dim=6, reads_reliability=True), 1
    )
    pairs = pairs_of([[0, 1, 2], [3, 4, 5, 6]])  # rows 0, 1 and 2, 3, 4
    task = (pairs, torch.tensor([[1, 2]]), torch.tensor([[3, 4]]), torch.zeros(1))

    def states(*reliability: float) -> torch.Tensor:
        told = dataclasses.replace(pairs, reliability=torch.tensor(reliability))
        blocks = Blocks.of_tasks(Tasks(told, *task[1:]))
        with torch.no_grad():
            return network.eval().states(network.lay_out(blocks))

    low, high = 0.1, 0.9
    usual = states(low, low, low, low, low)
    assert torch.equal(usual, states(low, low, high, high, high))
    assert not torch.equal(usual, states(high, high, low, low, low))

"""The batched inner loop against learner-by-learner dense descent."""

import dataclasses

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.plain_maml import Plain, plain_meta_loss
from models_py import registry
from models_py.data import Queries
from models_py.fitting import Diverged
from models_py.meta.batches import MetaBatch, in_parts
from models_py.meta.learner import METHODS, MetaConfig, MetaLearner
from models_py.meta.orders import compare_orders
from models_py.meta.tasks import Tasks, lay_out
from tests.unit.models_py.meta.made_tasks import pairs_of, random_tasks

N_ITEMS = 9
TOO_FAR = 1e39  # infinite in single precision
RATE = 0.3  # large steps: an error in a derivative shows
BASES = {
    "gru": {"embedding_dim": 4, "hidden_dim": 5},
    "gru_of_two_layers": {"embedding_dim": 4, "hidden_dim": 5, "n_layers": 2},
    "sasrec": {"dim": 4, "n_heads": 2, "n_blocks": 1},
}


def network_of(base: str) -> torch.nn.Module:
    name = base.split("_")[0]
    config = registry.CONFIGS[name](**BASES[base], max_length=6)
    network = registry.create(name, n_items=N_ITEMS, config=config).double()
    network.embedding.weight.data *= 5  # small as they begin, they would hide errors
    return network


def learner_of(
    base: str, method: str, inner_rate: float = RATE, **settings
) -> MetaLearner:
    config = MetaConfig(inner_rate=inner_rate, inner_steps=3, steps_if_reliable=2)
    model = MetaLearner(
        N_ITEMS, config, network=network_of(base), method=METHODS[method], **settings
    ).double()
    if METHODS[method].learns_rates:
        torch.manual_seed(5)
        for rate in model.rates.values():
            rate.data = RATE * torch.rand_like(rate)
    return model


def batch_of(model: MetaLearner, tasks: Tasks, part: int = 3) -> MetaBatch:
    parts = [lay_out(tasks.take(rows), 6) for rows in in_parts(tasks, part)]
    return MetaBatch(parts, by_reliability=model.is_adaptive)


def plainly(model: MetaLearner, tasks: Tasks) -> torch.Tensor:
    """The meta-loss as the algorithm reads."""
    method, config = model.method, model.config
    own = {}
    if method.learns_rates:
        own = {name.replace("/", "."): rate for name, rate in model.rates.items()}
    reliability = tasks.reliability.double()
    n_steps, scale = [config.inner_steps] * len(tasks), [1.0] * len(tasks)
    if model.is_adaptive:
        scale = reliability.tolist()
        n_steps = [2 if r >= 0.5 else 7 for r in scale]
    how = Plain(
        rate=1.0 if method.learns_rates else RATE,
        own_rates=own,
        second_order=method.second_order,
        head_only=method.head_only,
    )
    # the fused attention kernels have no second derivative
    with sdpa_kernel(SDPBackend.MATH):
        losses = plain_meta_loss(model.network, tasks, n_steps, scale, how)
    weight = reliability if model.is_adaptive else torch.ones_like(losses)
    return (weight * losses).sum() / weight.sum()


def gradients_of(model: MetaLearner, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(named[name]) if gradient is None else gradient
        for name, gradient in zip(named, found, strict=True)
    }


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("is_adaptive", [False, True], ids=["uniform", "adaptive"])
@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.is_trained])
def test_loss_and_meta_gradient_are_those_of_the_plain_loop(base, method, is_adaptive):
    model = learner_of(base, method, is_adaptive=is_adaptive)
    tasks = random_tasks(5, n_items=N_ITEMS, cap=6)
    loss, plain = model.loss(batch_of(model, tasks)), plainly(model, tasks)
    torch.testing.assert_close(loss, plain, rtol=0, atol=1e-6)
    expected = gradients_of(model, plain)
    for name, gradient in gradients_of(model, loss).items():
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-6)
    assert max(float(gradient.abs().max()) for gradient in expected.values()) > 1e-3


def test_orders_of_the_meta_gradient_differ_at_this_rate():
    """Else the test above could not tell them apart."""
    tasks = random_tasks(5, n_items=N_ITEMS, cap=6)
    first, second = (
        gradients_of(model, model.loss(batch_of(model, tasks)))[
            "network.gru.weight_hh_l0"
        ]
        for model in (learner_of("gru", "fomaml"), learner_of("gru", "maml"))
    )
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_support_changes_nobody_elses_scores(method):
    model = learner_of("gru", method)
    tasks = random_tasks(6, n_items=N_ITEMS, cap=6)
    together = model.score_tasks(tasks)
    for row in range(len(tasks)):
        alone = model.score_tasks(tasks.take(torch.tensor([row])))[0]
        torch.testing.assert_close(together[row], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_without_steps_or_support_scores_are_the_networks(method):
    model = learner_of("gru", method)
    tasks = random_tasks(4, n_items=N_ITEMS, cap=6)
    prefixes = tasks.pairs.prefixes.take(tasks.query.flatten())
    zero_shot = model.score(Queries(prefixes, torch.full((len(prefixes),), -1)))
    for scores in (
        model.score_tasks(tasks.with_support(0)),
        model.score_tasks_after(tasks, [0])[0],
    ):
        torch.testing.assert_close(scores.flatten(0, 1), zero_shot, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_curve_ends_in_the_usual_scores(method):
    model = learner_of("gru", method)
    tasks = random_tasks(4, n_items=N_ITEMS, cap=6)
    one, three = model.score_tasks_after(tasks, [1, 3])
    torch.testing.assert_close(three, model.score_tasks(tasks))
    assert not torch.allclose(one, three)


def test_steps_lower_the_loss_of_the_support():
    model = learner_of("gru", "fine_tune")
    tasks = random_tasks(4, n_items=N_ITEMS, cap=6)
    asked_again = Tasks(tasks.pairs, tasks.support, tasks.support, tasks.reliability)
    labels = tasks.pairs.label[tasks.support]
    losses = [
        torch.nn.functional.cross_entropy(scores.mT, labels)
        for scores in model.score_tasks_after(asked_again, [0, 1, 3, 10])
    ]
    assert losses == sorted(losses, reverse=True)


def test_reliability_sets_rate_and_number_of_steps():
    """A learner of reliability 0 stays; one of 1 takes few steps at the full rate."""
    model = learner_of("gru", "fine_tune", is_adaptive=True)
    uniform = learner_of("gru", "fine_tune")
    tasks = random_tasks(2, n_items=N_ITEMS, cap=6)
    tasks = Tasks(tasks.pairs, tasks.support, tasks.query, torch.tensor([0.0, 1.0]))
    still, moved = model.score_tasks(tasks)
    none, two = uniform.score_tasks_after(tasks, [0, 2])
    torch.testing.assert_close(still, none[0])
    torch.testing.assert_close(moved, two[1])


def test_a_loss_that_is_no_number_names_step_and_rate():
    model = learner_of("gru", "maml")
    with torch.no_grad():
        model.network.output.weight[0] = torch.inf
    with pytest.raises(Diverged, match=r"for 5 of 5 learners at step 1, rate 0\.3"):
        model.loss(batch_of(model, random_tasks(5, n_items=N_ITEMS, cap=6), part=5))


def test_scores_that_are_no_numbers_after_the_last_step_name_it():
    """The support's loss is looked at before each step; nothing follows the last."""
    model = learner_of("gru", "fine_tune", inner_rate=TOO_FAR)
    tasks = random_tasks(5, n_items=N_ITEMS, cap=6)
    with pytest.raises(Diverged, match=r"for 5 of 5 learners after step 1, rate inf"):
        model.score_tasks_after(tasks, [1])


def test_a_query_loss_that_is_no_number_names_step_and_rate():
    model = learner_of("gru", "maml", inner_rate=TOO_FAR)
    model.config = dataclasses.replace(model.config, inner_steps=1)
    tasks = random_tasks(5, n_items=N_ITEMS, cap=6)
    with pytest.raises(Diverged, match=r"for 5 of 5 learners after step 1, rate inf"):
        model.loss(batch_of(model, tasks, part=5))


def test_reliability_is_that_of_the_support_that_is_left():
    tasks = random_tasks(4, n_items=N_ITEMS, cap=6)
    one = tasks.with_support(1)
    torch.testing.assert_close(
        one.reliability, tasks.pairs.reliability[tasks.support[:, -1]]
    )
    assert tasks.with_support(0).reliability.tolist() == [0.0] * 4
    assert tasks.with_support(9).support.equal(tasks.support)


def test_item_zero_adapts_like_any_other():
    model = learner_of("gru", "fine_tune")
    for item in (0, 3):
        pairs = pairs_of([[item, 5, item, 5], [item, 5]])
        tasks = Tasks(
            pairs, torch.tensor([[0, 1, 2]]), torch.tensor([[3]]), torch.ones(1)
        )
        before, after = model.score_tasks_after(tasks, [0, 10])
        assert after[0, 0].softmax(-1)[5] > 2 * before[0, 0].softmax(-1)[5]


def test_compared_orders_are_those_of_the_two_methods():
    tasks = random_tasks(5, n_items=N_ITEMS, cap=6)
    config = MetaConfig(inner_rate=RATE, inner_steps=3)
    network = network_of("gru")
    first, second = (
        torch.cat(
            [g.flatten() for g in gradients_of(model, plainly(model, tasks)).values()]
        )
        for model in (
            MetaLearner(N_ITEMS, config, network=network, method=METHODS[name])
            for name in ("fomaml", "maml")
        )
    )
    found = compare_orders(network, tasks, config)
    difference = float((first - second).norm() / second.norm())
    assert found["relative_difference"] == pytest.approx(difference, rel=1e-6)
    assert 0.01 < difference < 1
    assert 0.5 < found["cosine"] < 1

"""GRU and SASRec: causal, blind to padding, and able to learn."""

import pytest
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.recommendation.gru import GRU, GRUConfig
from models_py.recommendation.sasrec import SASRec, SASRecConfig
from models_py.recommendation.sequences import make_batch
from tests.unit.models_py.made_data import cycles, queries_of, train_of
from training.fit.loop import fit

NEURAL = ["gru", "sasrec"]


def created(name: str, n_items: int = 12, **settings):
    return registry.create(
        name, n_items=n_items, config=registry.CONFIGS[name](**settings)
    ).eval()


@pytest.mark.parametrize("name", NEURAL)
def test_a_later_item_changes_no_earlier_state(name):
    model = created(name)
    inputs = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    changed = inputs.clone()
    changed[0, 5:] = torch.tensor([7, 8, 10])
    before, after = model.states(inputs), model.states(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


@pytest.mark.parametrize("name", NEURAL)
def test_padding_behind_a_row_changes_none_of_its_states(name):
    model = created(name)
    alone = model.states(torch.tensor([[3, 1]]))
    padded = model.states(torch.tensor([[3, 1, 0, 0, 0], [5, 4, 3, 2, 1]]))
    torch.testing.assert_close(alone[0], padded[0, :2], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NEURAL)
def test_an_earlier_item_changes_the_scores(name):
    scores = created(name).score(queries_of([[1, 5], [2, 5], [5, 1], [1, 1, 5]]))
    assert len(scores.unique(dim=0)) == 4


@pytest.mark.parametrize("name", NEURAL)
def test_item_0_is_an_ordinary_item_and_padding_has_no_score(name):
    model = created(name, n_items=4)
    scores = model.score(queries_of([[0], [1], [0, 1]]))
    assert scores.shape == (3, 4)  # a column an item, none for padding
    assert not torch.allclose(scores[1], scores[2])  # item 0 is read
    batch = make_batch(train_of([[0, 3, 0]], n_items=4), torch.tensor([0]))
    model.loss(batch).backward()
    gradient = model.embedding.weight.grad
    assert gradient[1].abs().sum() > 0  # item 0 learns
    assert gradient[0].abs().sum() == 0  # padding does not
    assert model.embedding.weight[0].abs().sum() == 0


@pytest.mark.parametrize("name", NEURAL)
def test_a_long_prefix_counts_its_last_items_only(name):
    model = created(name, max_length=4)
    scores = model.score(queries_of([[9, 9, 1, 2, 3, 4], [1, 2, 3, 4]]))
    torch.testing.assert_close(scores[0], scores[1])


@pytest.mark.parametrize("name", NEURAL)
def test_the_loss_is_the_mean_over_admissible_positions(name):
    model = created(name, dropout=0.0)
    rows = [[1, 2, 3, 4], [5, 6]]
    flags = [[False, True, False, True], [False, True]]
    batch = make_batch(train_of(rows, n_items=12, is_label=flags), torch.tensor([0, 1]))
    scores = model.score(queries_of([[1], [1, 2, 3], [5]]))
    chosen = scores.log_softmax(1)[torch.arange(3), torch.tensor([2, 4, 6])]
    torch.testing.assert_close(model.loss(batch), -chosen.mean())


@pytest.mark.parametrize("name", NEURAL)
def test_a_cycle_is_learned(name):
    n_items = 7
    settings = OptimiserConfig(learning_rate=0.01, epochs=4, weight_decay=0.0)
    model = created(name, n_items=n_items, dropout=0.1, optimiser=settings)
    train = cycles(n_items, n_rows=200)
    queries = queries_of([[i, (i + 1) % n_items] for i in range(n_items)])
    labels = torch.tensor([(i + 2) % n_items for i in range(n_items)])

    def hits() -> float:
        return float((model.score(queries).argmax(1) == labels).float().mean())

    log = model.fit(
        train, lambda m, t: fit(m, t, settings=settings, validate=hits, seed=1)
    )
    assert hits() == 1.0
    # what a guess loses is log 7 = 1.95; after the first epoch dropout alone is left
    assert log.epochs[-1]["loss"] < 0.3


@pytest.mark.parametrize("name", NEURAL)
def test_initial_weights_come_from_the_seed_and_disturb_no_other_stream(name):
    torch.manual_seed(5)
    undisturbed = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (created(name, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), undisturbed)
    query = queries_of([[1, 2]])
    assert torch.equal(first.score(query), again.score(query))
    assert not torch.equal(first.score(query), other.score(query))


def test_sizes_are_those_of_the_settings():
    gru = GRU(200, GRUConfig())
    recurrent = 3 * 128 * (128 + 128) + 2 * 3 * 128
    assert gru.n_parameters == 201 * 128 + recurrent + 200
    # states of another width are brought to that of the embeddings
    narrow = GRU(200, GRUConfig(hidden_dim=64))
    recurrent = 3 * 64 * (128 + 64) + 2 * 3 * 64
    assert narrow.n_parameters == 201 * 128 + recurrent + 65 * 128 + 200
    dim, n_heads, length = 128, 2, 50
    block = 6 * (dim * dim + dim) + 4 * dim + n_heads * length
    expected = (201 + length) * dim + 2 * block + 2 * dim + dim * (dim + 1) + 200
    assert SASRec(200, SASRecConfig()).n_parameters == expected


@pytest.mark.parametrize(
    ("config", "changes", "named"),
    [
        (SASRecConfig, {"dim": 10, "n_heads": 3}, "n_heads"),
        (SASRecConfig, {"dropout": 1.0}, "dropout"),
        (GRUConfig, {"hidden_dim": 0}, "hidden_dim"),
        (GRUConfig, {"max_length": 0}, "max_length"),
        (OptimiserConfig, {"learning_rate": 0.0}, "learning_rate"),
        (OptimiserConfig, {"patience": 0}, "patience"),
    ],
)
def test_a_setting_outside_its_range_is_named(config, changes, named):
    with pytest.raises(ValueError, match=named):
        config(**changes)

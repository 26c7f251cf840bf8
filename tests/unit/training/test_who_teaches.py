"""Train teaches, validation selects, test decides nothing, by user and by time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.ragged import Ragged
from models_py.recommendation.gru import GRUConfig
from training.config import TrainConfig
from training.fit.job import Job
from training.recommendation import pair_table
from training.recommendation.adapting import pairs_with_support
from training.recommendation.candidates import Candidates
from training.recommendation.lineup import Answer, answer
from training.recommendation.marts import RecommendationMarts
from training.recommendation.pair_table import Episodes, Pairs
from training.recommendation.questions import questions_of
from training.recommendation.scorecard import Scorecard, best_baseline
from training.recommendation.searching import tune
from training.runs import Run

N_ITEMS, N_USERS, LENGTH = 12, 24, 8
SPLITS = np.array(["train", "train", "val", "test"] * (N_USERS // 4))
# by time every user is in all three: the split of each place of a sequence
PERIODS = np.array(["train"] * 9 + ["val"] * 3 + ["test"] * 3)
QUICK = OptimiserConfig(epochs=3, patience=3, batch_size=16, min_steps=1)
COUNTING = ("random", "popularity", "markov")

# of the meta-learners, whose methods differ in how they step, each way to be fitted
META = ("maml_warm_adaptive", "anil", "fine_tune", "cavia")
PLAIN = [n for n in registry.names("recommendation") if not registry.MODELS[n].adapts]
every_model = pytest.mark.parametrize("name", [*PLAIN, *META, "best"])


def marts_of(items: np.ndarray) -> RecommendationMarts:
    """Marts of one sequence a user, (N_USERS, LENGTH) or as long as `PERIODS`.

    K = 2, Q = 3; longer sequences are split by time.
    """
    length = items.shape[1]
    by_time, n_pairs = length == len(PERIODS), length - 1
    user = np.repeat(np.arange(N_USERS), n_pairs)
    position = np.tile(np.arange(1, length), N_USERS)
    split = PERIODS[position] if by_time else SPLITS[user]
    prefixes = [items[u, :t].tolist() for u, t in zip(user, position, strict=True)]
    pairs = Pairs(
        user_ids=np.array([f"u{n}" for n in range(N_USERS)]),
        user=user,
        split=_numbers(split),
        sequence=torch.from_numpy(user),
        prefixes=Ragged.from_lists(prefixes),
        prefix_len=torch.from_numpy(position),
        label=torch.from_numpy(items[user, position]),
        label_at=torch.from_numpy(1_500_000_000 + 1000 * user + position),
        reliability=np.full(len(user), 0.5),
    )
    starts = [0, 6, 9] if by_time else [0]  # the support of a later one is older
    start = torch.arange(N_USERS)[:, None] * n_pairs + torch.tensor(starts)
    start = start.reshape(-1, 1)
    episodes = Episodes(
        split=_numbers(split)[start.flatten() + 2],
        support=start + torch.arange(2),
        query=start + torch.arange(2, 5),
        reliability=np.full(len(start), 0.5),
    )
    return RecommendationMarts(
        mart="episodes_k2_q3",
        dataset="made",
        item_keys=[str(n) for n in range(N_ITEMS)],
        n_train_events=torch.ones(N_ITEMS, dtype=torch.int64),
        in_train=torch.ones(N_ITEMS, dtype=torch.bool),
        pairs=pairs,
        episodes=episodes,
        sessions={
            "reliability": np.full(3, 0.5),
            "parts": {"intensity": np.full(3, 0.5)},
            "tier": np.full(3, "medium"),
        },
        summary=[],
        funnel=[],
        test_users={},
        fingerprints={},
    )


def _numbers(splits: np.ndarray) -> np.ndarray:
    return np.array([pair_table.SPLITS.index(split) for split in splits])


def walks(seed: int, length: int = LENGTH) -> np.ndarray:
    """Items that never repeat at once, as after collapsing."""
    steps = np.random.default_rng(seed).integers(1, N_ITEMS, (N_USERS, length))
    return steps.cumsum(axis=1) % N_ITEMS


def fit(name: str, items: np.ndarray, path, **more) -> tuple[bytes, Answer]:
    """A model's checkpoint, byte for byte, and its answers."""
    marts, run = marts_of(items), Run(path)
    config = registry.CONFIGS[name](**more)
    if hasattr(config, "optimiser"):
        config = replace(config, optimiser=QUICK)
    if registry.MODELS[name].method:
        config = replace(config, validate_every=2)
    base = GRUConfig(embedding_dim=8, hidden_dim=8, optimiser=QUICK)
    settings, asked = {"gru": base, name: config}, TrainConfig(mart=marts.mart)
    job = Job(asked, settings, marts, run, torch.device("cpu"), progress=False)
    given = answer(job, name, questions_of(marts))
    return run.checkpoint(name).read_bytes(), given


@every_model
def test_other_test_users_change_no_model_and_no_selection(name, tmp_path):
    """Whole-data statistics, or an epoch chosen by test scores, would."""
    items, others = walks(1), walks(2)
    changed = np.where((SPLITS == "test")[:, None], others, items)
    model, given = fit(name, items, tmp_path / "one")
    same_model, same_answer = fit(name, changed, tmp_path / "two")
    assert same_model == model
    np.testing.assert_array_equal(same_answer.ranks["val"], given.ranks["val"])
    assert (same_answer.ranks["test"] != given.ranks["test"]).any()
    if given.log:
        assert same_answer.log.best_epoch == given.log.best_epoch


@every_model
def test_another_future_changes_no_model_and_no_selection(name, tmp_path):
    """A training sequence that ran on across the cut, or a neighbour's end, would."""
    items, others = walks(1, len(PERIODS)), walks(2, len(PERIODS))
    changed = np.where(PERIODS == "test", others, items)
    model, given = fit(name, items, tmp_path / "one")
    same_model, same_answer = fit(name, changed, tmp_path / "two")
    assert same_model == model
    np.testing.assert_array_equal(same_answer.ranks["val"], given.ranks["val"])
    assert (same_answer.ranks["test"] != given.ranks["test"]).any()


@pytest.mark.parametrize("name", [*COUNTING, "session_knn"])
def test_what_follows_the_cut_changes_no_counts(name, tmp_path):
    items, others = walks(1, len(PERIODS)), walks(2, len(PERIODS))
    changed = np.where(PERIODS == "train", items, others)
    settings = {"idf_weight": 1.0, "reminds": True} if name == "session_knn" else {}
    model, _ = fit(name, items, tmp_path / "one", **settings)
    same_model, _ = fit(name, changed, tmp_path / "two", **settings)
    assert same_model == model


def test_by_time_a_pair_is_supported_by_the_learners_earlier_splits():
    marts = marts_of(walks(1, len(PERIODS)))
    rows = marts.pairs.rows_of("test")
    blocks = pairs_with_support(marts, rows)
    assert torch.equal(blocks.query.values, rows)
    expected = torch.stack([rows - 2, rows - 1], dim=1)  # K = 2 of the same learner
    assert torch.equal(blocks.support.values.view(-1, 2), expected)
    oldest = marts.pairs.split[blocks.support.values[:2]]
    assert oldest.tolist() == [pair_table.SPLITS.index("val")] * 2


@pytest.mark.parametrize("name", COUNTING)
def test_other_validation_users_change_no_counts(name, tmp_path):
    items, others = walks(1), walks(2)
    changed = np.where((SPLITS == "train")[:, None], items, others)
    model, _ = fit(name, items, tmp_path / "one")
    same_model, _ = fit(name, changed, tmp_path / "two")
    assert same_model == model


def test_the_best_baseline_is_the_best_on_validation_not_on_test():
    marts = marts_of(walks(1))
    questions = questions_of(marts)
    n_queries = len(questions["test"].pair)
    first, last = np.ones(n_queries, int), np.full(n_queries, N_ITEMS)

    def answer(val: np.ndarray, test: np.ndarray) -> Answer:
        every = np.ones(len(marts.pairs.rows_of("test")), int)
        return Answer(None, 0, {"val": val, "test": test}, 0.0, 0.0, all_pairs=every)

    answers = {"popularity": answer(first, last), "random": answer(last, first)}
    card = Scorecard(marts, questions, answers, 7, Candidates("last", "last"))
    assert best_baseline(answers) == "popularity"
    models = card.metrics()["models"]
    assert models["popularity"]["vs_best_baseline"] is None
    assert models["random"]["vs_best_baseline"]["recall@10"]["difference"] > 0


@pytest.mark.parametrize("lineup", [("fine_tune", "gru"), ("gru", "fine_tune")])
def test_the_network_that_is_adapted_is_the_tuned_one_in_any_order(tmp_path, lineup):
    marts = marts_of(walks(0))
    gru = GRUConfig(embedding_dim=8, hidden_dim=8, optimiser=QUICK)
    settings = {"gru": gru, "fine_tune": registry.CONFIGS["fine_tune"]()}
    asked = TrainConfig(mart=marts.mart, lineup=lineup, tune=6)
    job = Job(
        asked, settings, marts, Run(tmp_path), torch.device("cpu"), progress=False
    )
    job, tried = tune(job, tmp_path / "trials.parquet")
    assert tried["gru"]["chosen"]  # not as given: another state than the first trial's
    answer(job, "fine_tune", questions_of(marts))

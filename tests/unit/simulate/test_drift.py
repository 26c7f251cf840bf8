"""A world that changes: what it costs to know the past alone is known, and seen."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from training.commands.simulate import simulate_command
from training.simulate.courses.activity import draw_activity
from training.simulate.courses.bayes import BayesFilter, Belief, Prediction
from training.simulate.courses.drift import CourseSettings, Drift, draw_drift
from training.simulate.courses.xuetangx import DENSE, _in_a_changing_world

N_USERS = 500


@dataclass
class World:
    """Labels of one simulated log, each with the item and the learner before it."""

    drift: Drift
    last: np.ndarray
    label: np.ndarray
    at: np.ndarray
    is_train_user: np.ndarray
    optimum: Prediction
    past: Prediction

    @property
    def cuts(self) -> np.ndarray:
        return np.quantile(self.at, [0.70, 0.85])

    def recall(self, taught: np.ndarray, asked: np.ndarray) -> float:
        """Recall@10 of what followed an item among the labels taught."""
        n_items = DENSE.process.n_items
        counts = np.zeros((n_items, n_items))
        np.add.at(counts, (self.last[taught], self.label[taught]), 1)
        scores = counts[self.last[asked]] + 1e-6 * counts.sum(axis=0)
        rows = np.arange(len(scores))
        scores[rows, self.last[asked]] = -1
        of_label = scores[rows, self.label[asked]][:, None]
        return float(((scores >= of_label).sum(axis=1) <= 10).mean())


def world(drift: float) -> World:
    config, seed = replace(DENSE, block_users=N_USERS), np.random.SeedSequence(3)
    process = draw_drift(config.process, CourseSettings(drift=drift), seed)
    chance = np.random.default_rng(3)
    drawn = draw_activity(config, process.before, chance)
    activity = _in_a_changing_world(drawn, process, chance)
    visits, at = activity.visits, activity.visit_at()
    sequences = replace(visits, later=process.later(at))
    label = np.flatnonzero(visits.position() > 0)
    bayes = BayesFilter(process.before, process.after)

    def evidence(later: np.ndarray) -> np.ndarray:
        return bayes.evidence(replace(visits, later=later))[label - 1]

    past = np.full(len(visits.items), process.past)
    asked = (
        evidence(sequences.later),
        visits.items[label - 1],
        visits.items[label],
        sequences.later[label],
    )
    return World(
        drift=process,
        last=asked[1],
        label=asked[2],
        at=at[label],
        is_train_user=activity.session_user[visits.number()[label]] % 10 < 7,
        optimum=bayes.predict(*asked),
        past=bayes.predict(*asked, Belief(evidence(past), past[label])),
    )


@pytest.fixture(scope="module")
def changing() -> World:
    return world(drift=1.0)


@pytest.mark.parametrize("which", ["optimum", "past"])
def test_expected_values_are_those_that_the_labels_had(changing, which):
    """Both are expectations over the process as it is; luck averages out."""
    prediction: Prediction = getattr(changing, which)
    for expected, realised in (
        (prediction.recall_at_10, prediction.rank <= 10),
        (prediction.accuracy_at_1, prediction.rank == 1),
        (prediction.reciprocal_rank, 1 / prediction.rank),
    ):
        gap = realised - expected
        assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(len(gap))


def test_nobody_who_knows_the_past_alone_beats_the_optimum(changing):
    for name in ("recall_at_10", "accuracy_at_1", "reciprocal_rank"):
        best, past = (getattr(one, name) for one in (changing.optimum, changing.past))
        assert (past <= best + 1e-9).all()


def test_the_split_by_time_sees_a_change_that_the_hash_does_not(changing):
    train_until, val_until = changing.cuts
    before, future = changing.at < train_until, changing.at >= val_until
    others = ~changing.is_train_user
    by_user = changing.recall(changing.is_train_user, others)
    # the same model on the future of other users: it learned from that future
    on_future = changing.recall(changing.is_train_user, others & future)
    by_time = changing.recall(before, future)
    assert abs(on_future - by_user) < 0.03
    assert by_time < by_user - 0.05
    # what the change costs is known, and no model of the past can be above it
    ceiling = changing.past.recall_at_10[future].mean()
    cost = changing.optimum.recall_at_10[future].mean() - ceiling
    assert cost > 0.1
    assert by_time < ceiling + 0.02


def test_a_world_that_stays_is_alike_by_user_and_by_time():
    still = world(drift=0.0)
    train_until, val_until = still.cuts
    by_user = still.recall(still.is_train_user, ~still.is_train_user)
    by_time = still.recall(still.at < train_until, still.at >= val_until)
    assert abs(by_user - by_time) < 0.03
    np.testing.assert_allclose(still.past.recall_at_10, still.optimum.recall_at_10)


def test_courses_are_born_and_end(changing):
    begin, end = np.quantile(changing.at, [0.02, 0.98])
    early = set(changing.label[changing.at < begin])
    late = set(changing.label[changing.at > end])
    born = set(np.flatnonzero(changing.drift.before.popularity == 0))
    ended = set(np.flatnonzero(changing.drift.after.popularity == 0))
    assert len(born) == len(ended) == round(0.15 * DENSE.process.n_items)
    assert len(late & born) > 2 * len(early & born)
    assert len(early & ended) > 2 * len(late & ended)


def _simulated(folder, *options: str):
    command = ["xuetangx", "--out", str(folder), "--users", "20", "--quiet", *options]
    return CliRunner().invoke(simulate_command, command)


def test_the_truth_says_what_the_past_is_worth(tmp_path):
    assert _simulated(tmp_path, "--set", "drift=0.8").exit_code == 0
    truth = tmp_path / "truth" / "xuetangx"
    pairs = pq.read_table(truth / "pairs.parquet").to_pandas()
    assert (pairs.past_recall_at_10 <= pairs.recall_at_10 + 1e-6).all()
    assert json.loads((truth / "parameters.json").read_text())["drift"] == 0.8
    assert (truth / "successors_after.parquet").is_file()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("drift=2", "--set: settings: drift must lie between 0 and 1"),
        ("born=0.4", "born and ended must not be more than half of all courses"),
        ("drifts=1", "unknown key drifts; known: drift, born, ended"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(tmp_path, setting, message):
    refused = _simulated(tmp_path, "--set", setting, "--set", "ended=0.2")
    assert refused.exit_code == 1
    assert message in refused.output
    assert list(tmp_path.iterdir()) == []

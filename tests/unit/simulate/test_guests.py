"""Sessions of somebody else at the account: they tell nothing of the learner."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from training.commands.simulate import simulate_command
from training.simulate.courses.activity import draw_activity
from training.simulate.courses.bayes import BayesFilter, Sequences
from training.simulate.courses.programme import draw_programmes
from training.simulate.courses.xuetangx import DENSE

CONFIG = replace(DENSE, block_users=300)
PROGRAMMES = draw_programmes(CONFIG.process, np.random.SeedSequence(5))


def test_a_guests_session_has_one_event_a_visit_and_a_programme_drawn_anew():
    drawn = draw_activity(CONFIG, PROGRAMMES, np.random.default_rng(5), guests=0.5)
    visits, is_guest = drawn.visits, drawn.is_guest
    n_visits = np.diff(visits.offsets)
    n_events = np.bincount(visits.number()[drawn.event_visit])
    assert is_guest.mean() == pytest.approx(0.5, abs=0.03)
    assert (n_events == n_visits)[is_guest].all()
    assert (n_events == n_visits)[~is_guest].mean() < 0.05
    evidence = BayesFilter(PROGRAMMES).evidence(visits)[visits.offsets[1:] - 1]
    told = evidence.argmax(axis=1) == drawn.programme[drawn.session_user]
    is_long = n_visits >= 6
    assert told[is_long & ~is_guest].mean() > 0.8
    assert told[is_long & is_guest].mean() == pytest.approx(1 / 8, abs=0.08)


def test_support_counts_where_neither_it_nor_the_query_is_a_guests():
    items = PROGRAMMES.sample(
        np.random.default_rng(1), np.array([0, 0, 0]), np.array([4, 4, 4])
    )
    sequences = Sequences.of_lengths(items, np.array([4, 4, 4]))
    support, query = np.array([[3, 7]]), np.array([[9, 10]])
    bayes = BayesFilter(PROGRAMMES)

    def told(*is_guest: bool) -> np.ndarray:
        return bayes.support_evidence(sequences, support, query, np.array(is_guest))

    by_both = bayes.support_evidence(sequences, support, query)
    first, second = bayes.evidence(sequences)[[3, 7]]
    np.testing.assert_allclose(by_both[0], [first + second] * 2)
    np.testing.assert_allclose(told(False, False, False), by_both)
    np.testing.assert_allclose(told(True, False, False)[0], [second] * 2)
    assert (told(False, False, True) == 0).all()


def test_drift_and_guests_are_not_both_set(tmp_path):
    command = ["xuetangx", "--out", str(tmp_path / "x"), "--users", "20"]
    both = ["--set", "drift=1", "--set", "guests=0.5"]
    result = CliRunner().invoke(simulate_command, [*command, *both])
    assert result.exit_code in (1, 2) and "drift and guests" in result.output
    assert not (tmp_path / "x").exists()

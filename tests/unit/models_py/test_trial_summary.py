"""Summary features of histories written down by hand."""

import math

import numpy as np
import pytest
import torch

from models_py.causal import summary
from tests.unit.causal.made_trials import simulated, trials_of

AUCTION = (0, 1)
SIX_O_CLOCK = 20 * 86_400 + 6 * 3600


@pytest.fixture
def features() -> dict[str, float]:
    trials = trials_of(
        [
            [
                (*AUCTION, 40.0),
                (1, 7, 39.0),
                (1, 8, 10.0),
                (*AUCTION, 1.0),
                (1, 7, 0.0),
            ]
        ],
        [0],
        index_at=[SIX_O_CLOCK],
    )
    (row,) = summary.features(trials)
    return dict(zip(summary.FEATURES, row, strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auctions", 2),
        ("impressions", 3),
        ("log_auctions", math.log(3)),
        ("log_impressions", math.log(4)),
        ("log_events", math.log(6)),
        ("log_products", math.log(3)),
        ("log_times_shown", math.log(2)),
        ("is_unknown_product", 0),
        ("log_minutes_in_session", math.log(41)),
        ("log_minutes_since_event", math.log(2)),
        ("log_minutes_since_impression", math.log(11)),
        ("log_minutes_since_shown", math.log(40)),
        ("log_mean_gap", math.log(11)),
        ("events_last_5_min", math.log(3)),
        ("events_last_30_min", math.log(4)),
        ("hour_sine", 1),
        ("hour_cosine", 0),
    ],
)
def test_each_feature_by_hand(features, name, value):
    assert features[name] == pytest.approx(value, abs=1e-9)


def test_a_first_impression_has_nothing_before_it():
    (row,) = summary.features(trials_of([[(1, 7, 0.0)]], [0]))
    found = dict(zip(summary.FEATURES, row, strict=True))
    assert found["log_minutes_since_event"] == pytest.approx(math.log(1441))
    assert found["log_minutes_since_shown"] == pytest.approx(math.log(1441))
    assert found["log_mean_gap"] == found["log_minutes_in_session"] == 0


def test_unknown_products_are_not_one_product():
    trials = trials_of([[(1, 2, 5.0), (1, 2, 0.0)]], [0])
    found = dict(zip(summary.FEATURES, summary.features(trials)[0], strict=True))
    assert found["is_unknown_product"] == 1
    assert found["log_times_shown"] == found["log_products"] == 0


def test_a_trial_s_features_do_not_hang_on_other_trials():
    trials = simulated(n_users=40).trials
    whole = summary.features(trials)
    assert whole.shape == (len(trials), len(summary.FEATURES))
    for row in range(0, len(trials), 31):
        alone = summary.features(trials.take(torch.tensor([row])))[0]
        np.testing.assert_allclose(alone, whole[row])


def test_no_trials_have_no_features():
    none = simulated().trials.take(torch.empty(0, dtype=torch.int64))
    assert summary.features(none).shape == (0, len(summary.FEATURES))

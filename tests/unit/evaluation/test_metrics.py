"""What is described of every metric, and those of nuisance models by hand."""

from math import log

import numpy as np
import pytest

from training.evaluation.effects import Nuisances, Observed
from training.evaluation.metrics import NUISANCES, RANKING, TRACING, leading

SEEN = Observed(
    outcome=np.array([1.0, 0, 0, 1]),
    treatment=np.array([1.0, 0, 0, 1]),
    user=np.arange(4),
)
TOLD = Nuisances(
    propensity=np.array([0.8, 0.4, 0.1, 0.4]),
    control=np.array([0.5, 0.3, 0.2, 0.5]),
    treated=np.array([0.6, 0.9, 0.9, 0.3]),
)


def test_metrics_of_nuisances_by_hand():
    found = {name: metric(SEEN, TOLD) for name, metric in NUISANCES.items()}
    click = [-log(p) for p in (0.8, 0.6, 0.9, 0.4)]
    purchase = [-log(p) for p in (0.6, 0.7, 0.8, 0.3)]  # in the arm that was seen
    both = [a + b for a, b in zip(click, purchase, strict=True)]
    np.testing.assert_allclose(found["propensity_log_loss"], click)
    np.testing.assert_allclose(found["outcome_log_loss"], purchase)
    np.testing.assert_allclose(found["nuisance_log_loss"], both)
    # of four pairs: .8 beats both, .4 beats .1 and ties with .4
    assert found["propensity_auc"] == pytest.approx(3.5 / 4)
    # .6 beats both, .3 beats .2 and ties with .3
    assert found["outcome_auc"] == pytest.approx(3.5 / 4)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [(RANKING, "recall@10"), (TRACING, "auc"), (NUISANCES, "nuisance_log_loss")],
)
def test_one_metric_of_each_family_leads(metrics, expected):
    assert [name for name, one in metrics.items() if one.leads] == [expected]
    assert leading(metrics) == expected
    assert all(name == one.name and one.meaning for name, one in metrics.items())


def test_nothing_leads_among_metrics_that_nobody_described():
    assert leading(["surprise@3"]) is None

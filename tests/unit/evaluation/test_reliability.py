"""The description of session reliability, by hand."""

import numpy as np
import pytest

from training.evaluation.reliability import describe_reliability


def test_bins_tiers_and_correlations_by_hand():
    reliability = np.array([0.0, 0.1, 0.4, 1.0])
    parts = {
        "same": reliability,
        "reversed": 1 - reliability,
        "squared": reliability**2,
        "constant": np.full(4, 0.5),
    }
    tier = np.array(["low", "low", "medium", "high"])
    found = describe_reliability(reliability, parts, tier)
    assert found["n_sessions"] == sum(found["histogram"]) == 4
    assert [n for n in found["histogram"] if n] == [1, 1, 1, 1]
    assert found["histogram"][-1] == 1  # 1.0 belongs to the last bin
    assert found["tiers"] == {"low": 2, "medium": 1, "high": 1}
    correlations = found["correlations"]
    assert correlations["same"] == pytest.approx({"pearson": 1, "spearman": 1})
    assert correlations["reversed"] == pytest.approx({"pearson": -1, "spearman": -1})
    assert correlations["squared"]["spearman"] == pytest.approx(1)
    assert correlations["squared"]["pearson"] < 0.99
    assert correlations["constant"] == {"pearson": None, "spearman": None}

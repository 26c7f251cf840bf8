"""Which runs may be compared with the optimum that knows the support."""

import json

import pytest

from training.errors import UserError
from training.truth import optimum_given_support

PLAIN = {"accuracy@1": 0.25, "recall@10": 0.8, "mrr": 0.4, "n_queries": 20}
INFORMED = {"accuracy@1": 0.3, "recall@10": 0.9, "mrr": 0.5}


@pytest.fixture
def data_dir(tmp_path):
    folder = tmp_path / "truth" / "made"
    folder.mkdir(parents=True)
    summary = {"mart": "episodes_k5_q10", **PLAIN, "given_support": INFORMED}
    (folder / "bayes_optimal.json").write_text(json.dumps(summary))
    return tmp_path


def test_the_very_queries_have_their_optimum(data_dir):
    rounded = {**PLAIN, "mrr": 0.4 + 1e-7}  # 32-bit sums differ in the last digits
    found = optimum_given_support(data_dir, "made", "episodes_k5_q10", rounded)
    assert found == INFORMED


@pytest.mark.parametrize(
    ("mart", "plain"),
    [
        ("episodes_k2_q3", PLAIN),  # other support
        ("episodes_k5_q10", {**PLAIN, "n_queries": 21}),
        ("episodes_k5_q10", {**PLAIN, "mrr": 0.41}),  # other users, as many
        ("episodes_k5_q10", None),  # real data
    ],
)
def test_other_queries_have_none(data_dir, mart, plain):
    assert optimum_given_support(data_dir, "made", mart, plain) is None
    assert optimum_given_support(data_dir, "real", mart, plain) is None


def test_a_damaged_summary_is_named(data_dir):
    (data_dir / "truth" / "made" / "bayes_optimal.json").write_text("{")
    with pytest.raises(UserError, match=r"bayes_optimal\.json cannot be read"):
        optimum_given_support(data_dir, "made", "episodes_k5_q10", PLAIN)

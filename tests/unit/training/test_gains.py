"""What adapting brought, from ranks by hand."""

import numpy as np
import pytest

from training.evaluation.metrics import RANKING
from training.recommendation.adapting import Adaptation
from training.recommendation.gains import adaptation_block
from training.recommendation.lineup import Answer
from training.recommendation.tables import repeated_table

USERS = np.array([0, 0, 1, 1])
RELIABILITY = np.array([0.2, 0.2, 0.9, 0.9])  # one learner of low, one of high tier


def answer(ranks: list[int], zero_shot: list[int] | None = None) -> Answer:
    """A model whose test labels have these ranks; one that adapts has zero-shot."""
    found = None
    if zero_shot is not None:
        found = Adaptation(np.array(zero_shot), {1: np.array(ranks)}, {})
    return Answer(None, 0, {"test": np.array(ranks)}, 0.0, 0.0, found)


@pytest.fixture
def answers() -> dict[str, Answer]:
    return {
        "gru": answer([20, 20, 1, 1]),
        "fine_tune": answer([20, 20, 1, 20], [20, 20, 20, 1]),
        "maml_warm": answer([1, 20, 1, 1], [20, 20, 20, 1]),
        "maml_warm_adaptive": answer([1, 1, 1, 1], [20, 20, 20, 1]),
    }


def block(answers: dict[str, Answer], name: str, **optimum: float):
    found = adaptation_block(name, answers, USERS, 0, optimum or None, RELIABILITY)
    assert found is not None
    return found


def recall_of(compared: dict | None) -> float:
    assert compared is not None
    return compared["recall@10"]["difference"]


def test_each_model_is_compared_with_itself_and_with_others(answers):
    found = block(answers, "maml_warm_adaptive")
    assert recall_of(found["vs_zero_shot"]) == 3 / 4
    assert recall_of(found["vs_fine_tune"]) == 3 / 4
    assert recall_of(found["vs_maml_warm"]) == recall_of(found["vs_uniform"]) == 1 / 4


def test_nothing_is_compared_with_what_is_not_there_or_with_itself(answers):
    assert block(answers, "fine_tune")["vs_fine_tune"] is None
    assert block({"maml_warm": answers["maml_warm"]}, "maml_warm")["vs_uniform"] is None
    assert adaptation_block("gru", answers, USERS, 0, None, RELIABILITY) is None


def test_tiers_part_the_learners_by_their_supports_reliability(answers):
    by_tier = block(answers, "maml_warm")["by_tier"]
    assert list(by_tier) == ["low", "high"]  # none is in between
    assert by_tier["low"]["n_users"] == by_tier["high"]["n_users"] == 1
    assert recall_of(by_tier["low"]["vs_zero_shot"]) == 1 / 2
    assert recall_of(by_tier["high"]["vs_zero_shot"]) == 1 / 2
    assert recall_of(by_tier["high"]["vs_fine_tune"]) == 1 / 2


def test_the_gap_runs_from_the_trained_network_to_the_optimum(answers):
    """Zero-shot recall is 1/4 and MAML's 3/4: of the way to 1, two thirds."""
    optimum = {"recall@10": 1.0, "mrr": 0.0}
    closed = adaptation_block("maml_warm", answers, USERS, 0, optimum, RELIABILITY)
    # an optimum that zero-shot has passed leaves no gap
    assert closed["gap_closed"] == {"recall@10": pytest.approx(2 / 3)}


def test_without_the_control_no_gap_is_told(answers):
    alone = {"maml_warm": answers["maml_warm"]}
    assert block(alone, "maml_warm", **{"recall@10": 1.0})["gap_closed"] is None


def repeated(less: dict[str, dict]) -> str:
    """The table of two models over repeated splits, the second compared with others."""
    spread = {"mean": 0.5, "sd": 0.1, "min": 0.4, "max": 0.6}
    models = {
        name: {metric: {**spread, "less": found} for metric in RANKING}
        for name, found in {"gru": {}, "best": less}.items()
    }
    splits = {"n": 3, "n_test_users": [4, 9, 5], "models": models}
    titles = {name: {"title": name.upper()} for name in models}
    return repeated_table({"models": titles, "repeat_splits": splits})


def test_repeated_splits_show_differences_with_their_intervals():
    text = repeated({"gru": {"difference": 0.03, "ci95": [0.01, 0.05]}})
    head, _, gru, _, best, bounds = text.splitlines()
    assert head.startswith("3 splits, 4 to 9 test users")
    assert head.endswith("recall@10 less gru")
    assert gru.split()[-1] == "—"  # no model is compared with itself
    assert best.split()[-1] == "+0.0300"
    assert bounds.endswith("[+0.0100, +0.0500]")


def test_repeated_splits_without_a_reference_show_metrics_alone():
    assert "less" not in repeated({})

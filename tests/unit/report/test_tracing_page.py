"""The page of a tracing run, from predictions of known quality."""

import json

import numpy as np
import pandas as pd
import pytest

from models_py.fitting import FitLog
from models_py.tracing.data import Responses
from tests.unit.models_py.made_answers import (
    N_ITEMS,
    N_SKILLS,
    responses_of,
    simulated,
    skills_of,
)
from tests.unit.report.parsed_page import Page
from training.report.page import render
from training.tracing.lineup import Answer
from training.tracing.marts import TracingMarts
from training.tracing.scorecard import Scorecard, table

SUMMARY = [
    {"dataset": "some_set", "split": split, "n_users": n, "n_pairs": 0}
    for split, n in (("all", 60), ("test", 20))
]
HISTORY = [
    {"epoch": 1, "loss": 0.7, "val": 0.6, "seconds": 1.0},
    {"epoch": 2, "loss": 0.6, "val": 0.7, "seconds": 1.0},
]


class Counts:
    """A model that nothing is asked of but its size."""

    n_parameters = 7


def marts_of(data: Responses, n_test_users: int) -> TracingMarts:
    """The last users are tested, the two before them validated."""
    user = data.user.numpy()
    first_test = user.max() + 1 - n_test_users
    split = np.select(
        [user >= first_test, user >= first_test - 2], ["test", "val"], "train"
    )
    n = len(user)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "response_id": np.arange(n),
            "user_id": [f"u{number:03d}" for number in user],
            "split": split,
            "answered_at": pd.to_datetime(data.at.numpy(), unit="s"),
            "latency_sec": rng.lognormal(3, 1, n),
            "help_before": rng.random(n) < 0.2,
            "attempt": rng.integers(1, 4, n),
            "reliability_tier": rng.choice(["low", "medium", "high"], n),
        }
    )
    frame["position"] = frame.groupby("user_id").cumcount()
    items, skills = range(N_ITEMS), range(N_SKILLS)
    return TracingMarts(
        "kt_sequences",
        "some_set",
        [f"item {i}" for i in items],
        [f"skill {s}" for s in skills],
        {},
        data,
        frame,
        SUMMARY,
        [{"step": "raw rows", "n_rows": 9_876, "n_users": None}],
        {},
    )


def card_of(n_users: int = 60, n_test_users: int = 20, seed: int = 0) -> Scorecard:
    """Predictions that know the truth with more and less noise."""
    made = simulated(n_users=n_users, seed=seed)
    rng = np.random.default_rng(seed)
    logit = np.log(made.chance / (1 - made.chance))

    def noisy(spread: float, log: FitLog | None = None) -> Answer:
        seen = logit + rng.normal(0, spread, len(logit))
        return Answer(Counts(), log, 1 / (1 + np.exp(-seen)), 1.0, 0.5)

    answers = {
        "item_rate": noisy(3.0),
        "logistic": noisy(1.0),
        "sakt": noisy(0.3, FitLog(HISTORY, 2, 2.0, "auc", is_cut_short=False)),
    }
    return Scorecard(
        marts_of(made.responses, n_test_users), answers, made.chance, seed=1
    )


def page_of(card: Scorecard, folder) -> Page:
    checks = {
        "moved_by": {name: {"the answer itself": 0.0} for name in card.answers},
        "random_answers": {},
    }
    metrics = {
        "run_id": "r",
        "family": "tracing",
        "mart": "kt_sequences",
        "dataset": "some_set",
        "command": "moocmeta-train",
        "device": "cpu",
        **card.metrics(),
        "checks": checks,
    }
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(metrics, allow_nan=False))
    return Page(render(folder))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return page_of(card_of(), tmp_path_factory.mktemp("page") / "run")


def test_the_page_has_these_parts_and_is_well_formed(page):
    assert page.open_tags == []
    assert page.headings == [
        *("Summary", "Results on test users", "Against the best baseline, Logistic"),
        *("Distance to the oracle", "Calibration"),
        *("Where the models are strong and weak", "Training"),
        *("No model looks ahead", "Data", "Repeat this run"),
    ]


def test_the_summary_names_the_best_model_and_what_is_reachable(page):
    assert "SAKT has the highest AUC" in page.prose
    assert "the best reachable AUC is known" in page.prose
    assert "20 test users" in page.prose


def test_tables_have_a_row_a_model_and_the_oracle_first(page):
    results = page.table("Test metrics")
    assert [row[0] for row in results[1:]] == ["SAKT", "Logistic", "Item rate"]
    assert results[0] == ["Model", "auc", "accuracy", "log_loss", "brier", "ece"]
    oracle = page.table("The oracle's metrics")
    assert [row[0] for row in oracle[1:]] == ["Oracle", "SAKT", "Logistic", "Item rate"]
    moved = page.table("Largest change of a prediction")
    assert [row[1] for row in moved[1:]] == ["0"] * 3
    assert page.table("Rows at each step")[1:] == [["raw rows", "9,876", "–"]]
    by_split = page.table("The data set by split")  # pairs are of another family
    assert by_split == [["", "test", "all"], ["users", "20", "60"]]


def test_lower_is_better_for_losses():
    metrics = card_of().metrics()
    reached = {name: model["test"] for name, model in metrics["models"].items()}
    assert reached["sakt"]["auc"] > reached["item_rate"]["auc"]
    assert reached["sakt"]["log_loss"] < reached["item_rate"]["log_loss"]
    gap = metrics["models"]["sakt"]["vs_best_baseline"]["log_loss"]
    assert gap["difference"] < 0
    missing = metrics["oracle"]["models"]["item_rate"]["auc"]
    assert missing["ci95"][1] < 0  # nobody beats the oracle


def test_a_single_test_user_gives_a_page_without_intervals(tmp_path):
    card = card_of(n_test_users=1)
    page = page_of(card, tmp_path / "run")
    assert page.open_tags == []
    assert "–" in page.table("AUC on first attempts")[1][1]
    assert "[one user]" in table(card.metrics())


def test_real_data_have_no_oracle(tmp_path):
    card = card_of()
    card = Scorecard(card.marts, card.answers, None, seed=1)
    page = page_of(card, tmp_path / "run")
    assert "Distance to the oracle" not in page.headings
    assert "Oracle" not in table(card.metrics())


def test_auc_as_pykt_reports_it_by_hand():
    two_skills, one = 3, 1
    assert [len(skills_of(item)) for item in (two_skills, one)] == [2, 1]
    train = [(one, 5, True), (one, 5, False)]
    # user by user (item, seconds since, right) and what was predicted of it
    tested = [
        [(one, 5, True, 0.0), (two_skills, 5, False, 1.0)],  # fewer than three: none
        [
            (two_skills, 5, True, 0.1),  # nobody's first answer counts
            (one, 5, True, 0.9),
            (two_skills, 5, False, 0.4),
            (two_skills, 5, True, 0.3),
        ],
        [(one, 5, False, 0.8), (one, 5, False, 0.2), (two_skills, 5, True, 0.4)],
    ]
    answers = [train, train, train, *([row[:3] for row in rows] for rows in tested)]
    predicted = [0.5] * 6 + [row[3] for rows in tested for row in rows]
    answer = Answer(Counts(), None, np.array(predicted), 1.0, 0.5)
    card = Scorecard(marts_of(responses_of(answers), 3), {"gbt": answer}, None, 1)
    found = card.metrics()["models"]["gbt"]
    # right .9, .3, .4 against wrong .4, .2, each response once however many skills:
    # above in 2 + 1 + 1 of six pairs, level in one
    assert found["auc_pykt_late_mean"] == {"n": 5, "auc": pytest.approx(4.5 / 6)}
    assert found["test"]["auc"] != pytest.approx(4.5 / 6)

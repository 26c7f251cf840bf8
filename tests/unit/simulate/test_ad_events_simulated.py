"""Simulated ad events: the truth is what happens, and the marts find it again."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.special import expit

from tests.reference.causal import causal_marts
from tests.reference.sessions import ADS, ad_events
from training.errors import UserError
from training.simulate.ads.ad_events import log_rows, simulate
from training.simulate.ads.process import AdProcess, AdSettings
from training.simulate.ads.sessions import appeal_shares, draw_sessions
from training.simulate.ads.trials import TRUTH, simulate_trials
from training.simulate.request import Request, Size

ALIKE = np.array([0.0, 1.0, 0.0])  # appeal shares: all products are alike
NULL = {"effect": 0.0, "effect_slope": 0.0}
KINDS = {
    "default": {},
    "null": NULL,
    "counts": {"order_weight": 0.0},
    "unmeasured": {"unmeasured": 0.8},
    "harm": {
        "effect": -0.05,
        "effect_slope": 0.0,
        "purchase_intercept": -0.5,
        "purchase_slope": 0.8,
    },
}


@pytest.fixture(scope="module", params=KINDS)
def drawn(request):
    """Settings, their exact averages, and 50,000 trials with a full horizon."""
    settings = AdSettings(**KINDS[request.param])
    trials = simulate_trials(settings, n_users=10_000, seed=3)
    table = trials.table.to_pandas()
    return settings, trials.population, table[~table["censored"]]


def z_by_user(table: pd.DataFrame, residual: pd.Series) -> float:
    """Sum of residuals in standard errors that cluster by user."""
    sums = residual.groupby(table["user_id"]).sum()
    return sums.sum() / np.sqrt((sums**2).sum())


def test_a_course_of_two_steps_by_hand():
    """One burst pattern only, so every probability is a product of few."""
    settings = AdSettings(
        effect=0.2,
        effect_slope=0.0,
        click_intercept=-1.0,
        click_slope=0.5,
        purchase_intercept=-1.0,
        purchase_slope=0.5,
        order_weight=1.0,
        burst_share=0.0,
        burst_persistence=0.0,
        continue_share=0.5,
        max_steps=2,
    )
    process = AdProcess(settings, ALIKE)
    click, buys = expit(-1.5), 0.6 * expit(-1.5)  # idle steps: intent -1
    first = buys + (1 - buys) * 0.5 * (click * (buys + 0.2) + (1 - click) * buys)
    assert process.outcome_if_not[2, 0, 0, 0] == pytest.approx(buys)
    assert process.outcome_if_not[1, 0, 0, 0] == pytest.approx(first)
    second_visits = (1 - click) * (1 - buys) * 0.5
    truth = process.population()
    assert truth.trials_per_session == pytest.approx(1 + second_visits)
    assert truth.treated_share == pytest.approx(click)
    assert truth.ate == truth.att == pytest.approx(0.2)
    mean = (first + second_visits * buys) / (1 + second_visits)
    assert truth.raw_difference == pytest.approx(mean + 0.2 - mean)


def test_intent_depends_on_the_order_of_bursts_unless_told_otherwise():
    for order_weight, is_alike in ((0.0, True), (0.7, False)):
        process = AdProcess(AdSettings(order_weight=order_weight), ALIKE)
        of_two_bursts = process.intent[4, 2, :, 0]  # by the last run
        assert (np.ptp(of_two_bursts) == 0) == is_alike


def test_clicks_come_with_their_propensity(drawn):
    _, population, table = drawn
    residual = table["treatment"] - table["propensity"]
    assert abs(z_by_user(table, residual)) < 4
    assert table["treatment"].mean() == pytest.approx(
        population.treated_share, abs=0.01
    )
    high = table["propensity"] > table["propensity"].median()
    assert abs(z_by_user(table[high], residual[high])) < 4


@pytest.mark.parametrize("is_clicked", [True, False])
def test_purchases_come_with_their_probability_in_each_arm(drawn, is_clicked):
    table = drawn[2]
    arm = table[table["treatment"] == is_clicked]
    column = "outcome_if_clicked" if is_clicked else "outcome_if_not"
    residual = arm["outcome"] - arm[column]
    assert abs(z_by_user(arm, residual)) < 4
    high = arm[column] > arm[column].median()
    assert abs(z_by_user(arm[high], residual[high])) < 4


def test_exact_averages_are_those_of_the_draws(drawn):
    settings, population, table = drawn
    clicked = table["treatment"]
    found = table["outcome"][clicked].mean() - table["outcome"][~clicked].mean()
    assert table["effect"].mean() == pytest.approx(population.ate, abs=0.003)
    assert table["effect"][clicked].mean() == pytest.approx(population.att, abs=0.003)
    assert found == pytest.approx(population.raw_difference, abs=0.03)
    if settings.effect_slope == 0:
        assert np.allclose(table["effect"], settings.effect, atol=1e-6)


def test_weighting_by_the_true_propensity_removes_the_confounding(drawn):
    _, population, table = drawn
    weight = np.where(
        table["treatment"], 1 / table["propensity"], -1 / (1 - table["propensity"])
    )
    score = weight * (table["outcome"] - 0.3) - table["effect"]
    assert abs(z_by_user(table, score)) < 4
    assert population.raw_difference - population.att > 0.02


def test_what_no_click_can_cause_is_as_likely_after_one(drawn):
    """A click adds purchases of its own product only, and none before it."""
    settings, _, table = drawn
    weight = np.where(
        table["treatment"], 1 / table["propensity"], -1 / (1 - table["propensity"])
    )
    outcomes = ["purchased_before"] + ["outcome_other"] * (settings.effect >= 0)
    for column in outcomes:
        residual = weight * (table[column] - table[column].mean())
        assert abs(z_by_user(table, residual)) < 4, column


def test_overlap_gets_worse_with_the_slope():
    shares = []
    for slope in (0.0, 1.1, 2.5):
        settings = AdSettings(click_slope=slope, appeal=0.0)
        table = simulate_trials(settings, 1_000, seed=1).table.to_pandas()
        shares.append((table["propensity"] < 0.02).mean())
        assert slope or table["propensity"].nunique() == 1
    assert shares[0] == shares[1] == 0 < shares[2]


def test_an_effect_beyond_what_is_possible_is_refused():
    with pytest.raises(UserError, match="choose smaller ones"):
        AdProcess(AdSettings(effect=-0.2), ALIKE)


@pytest.mark.parametrize(
    "wrong", [{"order_weight": 1.5}, {"continue_share": -0.1}, {"max_steps": 0}]
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AdSettings(**wrong)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A log of 60 users as files."""
    folder = tmp_path_factory.mktemp("ads") / "out"
    folder.mkdir()
    request = Request(folder / "raw", folder / "truth", Size(60), 5, "flat", False)
    counts = simulate(request)
    return folder, counts


def read_log(folder) -> list[tuple]:
    log = pq.read_table(folder / "raw" / "unified_events.parquet")
    names = ["USER_ID", "event_type", "product_id", "event_timestamp"]
    return list(zip(*(log[name].to_pylist() for name in names), strict=True))


def test_the_log_has_the_publishers_form(written):
    folder, counts = written
    rows = read_log(folder)
    assert len(rows) == counts.n_events
    assert len({user for user, *_ in rows}) == counts.n_users == 60
    assert {kind for _, kind, *_ in rows} == {
        *("auction", "impression", "click", "purchase"),
    }
    for _, kind, product, _ in rows:
        assert (product is None) == (kind == "auction")


def test_truth_has_exactly_the_trials_of_the_log(written):
    folder, counts = written
    trials = causal_marts(ad_events(read_log(folder)), ADS)["causal_trials"]
    expected = {(row["user_id"], row["index_epoch"]): row["censored"] for row in trials}
    truth = pq.read_table(folder / "truth" / "trials.parquet").to_pylist()
    found = {(row["user_id"], row["index_epoch"]): row["censored"] for row in truth}
    assert found == expected
    assert len(truth) == len(trials) == counts.n_true_rows > 200


def test_trials_in_memory_are_those_that_the_marts_make_of_the_log():
    """What benchmarks draw by the hundred is what `dbt build` would give."""
    settings = AdSettings()
    drawn = simulate_trials(settings, n_users=80, seed=9)
    process = AdProcess(settings, appeal_shares())
    sessions = draw_sessions(process, np.random.default_rng(9), 80)
    log = log_rows(sessions, 0)
    rows = list(zip(*(log[name].to_pylist() for name in log.column_names), strict=True))
    marts = causal_marts(ad_events(rows), ADS)
    assert drawn.tokens == [row["token"] for row in marts["causal_vocab"]]
    found = drawn.table.drop_columns(list(TRUTH)).to_pylist()
    for row in marts["causal_trials"]:
        row.pop("dataset")
    assert found == marts["causal_trials"]


@pytest.mark.parametrize("size", [Size(users=1), Size(events=4000)])
def test_sizes(tmp_path, size):
    request = Request(tmp_path / "raw", tmp_path / "truth", size, 2, "flat", False)
    counts = simulate(request)
    if size.users:
        assert counts.n_users == size.users
    else:
        assert size.events <= counts.n_events <= size.events + 200

"""Item parameters, their errors, and drift, where abilities are known."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from models_py.tracing.drift import find_drift
from models_py.tracing.irt import (
    Abilities,
    ItemEstimates,
    ItemPrior,
    calibrate,
    calibrate_within_skills,
    right_chance,
)
from tests.unit.models_py.made_answers import responses_of

N_ITEMS = 60
PRIOR = ItemPrior()


def answers(n_per_item: int, seed: int, shift: np.ndarray | None = None):
    """Answers of strangers to every item; their ability is known up to a spread."""
    rng = np.random.default_rng(seed)
    truth = np.stack(
        [
            rng.normal(0, 1, N_ITEMS),
            rng.normal(0, 0.4, N_ITEMS),
            np.full(N_ITEMS, -2.0),
        ],
        axis=1,
    )
    item = np.repeat(np.arange(N_ITEMS), n_per_item)
    period = np.tile(np.arange(n_per_item) % 4, N_ITEMS)
    mean, spread = rng.normal(0, 1, len(item)), np.full(len(item), 0.4)
    ability = mean + spread * rng.normal(size=len(item))
    difficulty = truth[item, 0]
    if shift is not None:
        difficulty = difficulty + shift[item] * period / 3
    known = 1 / (1 + np.exp(-np.exp(truth[item, 1]) * (ability - difficulty)))
    guessing = 1 / (1 + np.exp(-truth[item, 2]))
    right = rng.random(len(item)) < guessing + (1 - guessing) * known
    abilities = Abilities(torch.from_numpy(mean), torch.from_numpy(spread))
    data = (torch.from_numpy(item), torch.from_numpy(right), torch.from_numpy(period))
    return truth, data, abilities


@pytest.mark.parametrize("spread", [0.01, 0.5, 1.0])
def test_the_chance_is_the_mean_over_the_ability(spread):
    """Within 0.02 of the integral, as the docstring says."""
    for a in (0.5, 1.0, 2.0):
        for distance in (-2.0, 0.0, 1.0):

            def integrand(x, a=a, distance=distance):
                known = 1 / (1 + np.exp(-a * (x + distance)))
                return (0.2 + 0.8 * known) * stats.norm.pdf(x, 0, spread)

            exact, _ = integrate.quad(integrand, -8 * spread, 8 * spread)
            found = right_chance(
                torch.tensor(distance),
                torch.tensor(spread),
                torch.tensor(0.0),
                torch.tensor(a).log(),
                torch.tensor(0.2).logit(),
            )
            assert found.item() == pytest.approx(exact, abs=0.02)


def test_calibration_recovers_the_items():
    truth, (item, right, _), abilities = answers(600, seed=1)
    found = calibrate(item, right, abilities, N_ITEMS, PRIOR)
    values = found.values.numpy()
    assert np.corrcoef(values[:, 0], truth[:, 0])[0, 1] > 0.97
    assert np.corrcoef(values[:, 1], truth[:, 1])[0, 1] > 0.85
    assert found.n_responses.tolist() == [600] * N_ITEMS


def test_standard_errors_are_the_size_of_the_errors_made():
    """95% intervals hold most truths; a quarter of the answers widens them."""
    truth, (item, right, _), abilities = answers(1200, seed=2)
    found = calibrate(item, right, abilities, N_ITEMS, PRIOR)
    gaps = (found.values.numpy() - truth)[:, :2] / found.errors.numpy()[:, :2]
    inside = (np.abs(gaps) < 1.96).mean(0)
    assert (inside > 0.85).all()
    assert (np.abs(gaps).mean(0) > 0.5).all()  # nor are they far too wide
    few = torch.arange(len(item)) % 4 == 0
    abilities = Abilities(abilities.mean[few], abilities.spread[few])
    quarter = calibrate(item[few], right[few], abilities, N_ITEMS, PRIOR)
    ratio = (quarter.errors[:, 0] / found.errors[:, 0]).median().item()
    assert 1.3 < ratio < 2.2  # 2 but for the prior


def test_the_calibrated_values_are_the_most_likely_ones():
    """No small step in any direction is better."""
    _, (item, right, _), abilities = answers(200, seed=3)
    found = calibrate(item, right, abilities, N_ITEMS, PRIOR).values

    def posterior(values: torch.Tensor) -> torch.Tensor:
        chance = right_chance(abilities.mean, abilities.spread, *values[item].unbind(1))
        each = torch.where(right, chance, 1 - chance).log()
        total = torch.zeros(N_ITEMS, dtype=torch.float64).index_add_(0, item, each)
        return total - (PRIOR.precision * (values - PRIOR.mean) ** 2).sum(1) / 2

    best = posterior(found)
    for column in range(3):
        for step in (-0.05, 0.05):
            other = found.clone()
            other[:, column] += step
            assert (posterior(other) < best).all()


@pytest.mark.parametrize("answer", [True, False])
def test_an_item_that_everyone_answers_alike_has_finite_parameters(answer):
    ability = Abilities(torch.zeros(50).double(), torch.ones(50).double())
    item = torch.zeros(50).long()
    found = calibrate(item, torch.full((50,), answer), ability, 2, PRIOR)
    assert found.values.isfinite().all()
    assert found.errors.isfinite().all()
    assert (found.values[0, 0] < found.values[1, 0]) == answer  # easier than the prior


# --- drift ---------------------------------------------------------------------


def drift_of(n_per_item: int, seed: int, shift: np.ndarray, **terms):
    truth, (item, right, period), abilities = answers(n_per_item, seed, shift)
    items = ItemEstimates(
        torch.from_numpy(truth), torch.zeros_like(torch.from_numpy(truth)), None
    )
    terms = {"min_responses": 20, "false_discovery_rate": 0.05} | terms
    return find_drift(item, right, period, abilities, items, **terms)


def flagged(drift) -> set[int]:
    return set(drift.item[drift.is_flagged].tolist())


def test_planted_drift_is_found_and_little_else():
    planted = set(range(10))
    shift = np.zeros(N_ITEMS)
    shift[:10] = np.where(np.arange(10) % 2, 1.5, -1.5)
    n_found = n_false = 0
    for seed in range(4):
        drift = drift_of(1000, seed, shift)
        n_found += len(flagged(drift) & planted)
        n_false += len(flagged(drift) - planted)
        gaps = drift.drift[drift.period == 3][:10] - shift[:10]
        assert np.abs(gaps).mean() < 0.3
        assert (drift.drift[drift.period == 0] == 0).all()
    assert n_found >= 0.8 * 40
    assert n_false <= 0.1 * (n_found + n_false)  # a rate of 5%, on four draws


def test_a_shift_of_all_items_is_no_drift():
    """It cannot be told from a change of all abilities."""
    drift = drift_of(1200, seed=5, shift=np.full(N_ITEMS, 1.5))
    assert len(flagged(drift)) <= 3


def test_without_drift_few_p_values_are_small():
    drift = drift_of(800, seed=6, shift=np.zeros(N_ITEMS))
    p = drift.p_value[drift.period == 0]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_the_flags_are_those_of_benjamini_and_hochberg():
    shift = np.linspace(0, 1.5, N_ITEMS)
    drift = drift_of(800, seed=7, shift=shift - np.median(shift))
    p = np.sort(drift.p_value[drift.period == 0])
    passing = np.flatnonzero(p <= 0.05 * np.arange(1, N_ITEMS + 1) / N_ITEMS)
    assert len(passing)
    assert len(flagged(drift)) == passing[-1] + 1


def test_periods_with_few_answers_are_left_out():
    _, (item, right, period), abilities = answers(80, seed=8)
    items = calibrate(item, right, abilities, N_ITEMS, PRIOR)
    terms = {"min_responses": 20, "false_discovery_rate": 0.05}
    kept = (item != 5) | (period < 1)  # item 5 is answered in one period only
    kept &= (item != 6) | (period < 3)
    abilities = Abilities(abilities.mean[kept], abilities.spread[kept])
    drift = find_drift(item[kept], right[kept], period[kept], abilities, items, **terms)
    assert 5 not in drift.item
    assert drift.period[drift.item == 6].tolist() == [0, 1, 2]
    assert drift.period[drift.item == 7].tolist() == [0, 1, 2, 3]


def test_an_item_met_twice_is_about_as_hard_as_its_skill():
    """Items 1, 5 and 9 ask for skill 1; 5 was met twice, by able users who failed."""
    easy = [[(1, 9, True)] * 8] * 30
    rare = [[(5, 9, False)]] * 2
    data = responses_of([*easy, *rare])
    abilities = Abilities(torch.zeros(len(data)), torch.ones(len(data)))
    items, of_skills = calibrate_within_skills(data, abilities, ItemPrior())
    alone = calibrate(data.item, data.correct, abilities, data.n_items, ItemPrior())
    assert of_skills[1] < -1.5  # nearly all answers on it are right
    drawn, free = items.values[5, 0], alone.values[5, 0]
    assert of_skills[1] < drawn < free - 0.5
    # many answers speak for themselves, an item never met is the prior
    torch.testing.assert_close(items.values[1], alone.values[1], atol=0.5, rtol=0)
    assert torch.equal(items.values[11], ItemPrior().mean)

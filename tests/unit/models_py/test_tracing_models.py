"""What the models of knowledge tracing compute, against slow references."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from models_py import trees
from models_py.config import OptimiserConfig
from models_py.tracing import histories
from models_py.tracing.attention import HistoryAttention
from models_py.tracing.platt import Platt
from models_py.tracing.sakt import SAKT, SAKTConfig
from models_py.tracing.wd_irt import WideDeepIRT, WideDeepIRTConfig
from tests.unit.models_py.made_answers import (
    N_ITEMS,
    N_SKILLS,
    responses_of,
    simulated,
)
from training.fit.loop import fit

ONE_EPOCH = OptimiserConfig(epochs=1, batch_size=500, min_steps=1)
optimise = partial(fit, settings=ONE_EPOCH, validate=lambda: 0.0, seed=1)


def test_trees_as_arrays_predict_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(500, 4))
    columns[rng.random(columns.shape) < 0.2] = np.nan
    right = rng.random(500) < np.where(np.isnan(columns[:, 0]), 0.8, 0.3)
    model = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5)
    model.fit(columns, right)
    found = trees.log_odds(trees.trees_of(model), torch.from_numpy(columns)).sigmoid()
    np.testing.assert_allclose(found, model.predict_proba(columns)[:, 1], rtol=1e-12)


def test_no_tree_at_all_gives_the_same_odds_to_every_row():
    found = trees.log_odds(trees.constant(0.7), torch.zeros(3, 2).double())
    assert found.tolist() == [0.7] * 3


def test_attention_equals_a_loop_over_questions_and_interactions():
    data = responses_of(
        [[(1, 9, True), (5, 0, False), (3, 70, True), (1, 9, False)], [(2, 5, True)]]
    )
    torch.manual_seed(0)
    attention = HistoryAttention(dim=6, n_heads=2, dropout=0.0).eval()
    vectors = torch.randn(len(data), 6)
    batch = histories.cut(data, 200, context=0).batch(torch.arange(2))
    rows = batch.asked.position
    found = attention(vectors[rows], vectors[rows], batch, 200)[batch.asked.is_real]
    for row in range(len(data)):
        expected = _read(attention, vectors, data, row)
        torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-5)


def _read(attention: HistoryAttention, vectors, data, row: int) -> torch.Tensor:
    """One question's read, by the definition."""
    query = attention.query(vectors[row]).view(2, 3)
    earlier = [
        other
        for other in range(row)
        if data.user[other] == data.user[row] and data.at[other] < data.at[row]
    ]
    heads = []
    for head in range(2):
        scores, values = [attention.no_evidence[head]], [torch.zeros(3)]
        for other in earlier:
            key, value = attention.key_value(vectors[other]).chunk(2)
            score = query[head] @ key.view(2, 3)[head] / 3**0.5
            if data.skill_sets.overlap[data.skill_set[row], data.skill_set[other]]:
                score = score + attention.shared_skill[head]
            if data.item[row] == data.item[other]:
                score = score + attention.same_item[head]
            minutes = (data.at[row] - data.at[other]) / 60
            rate = torch.nn.functional.softplus(attention.forgetting[head])
            scores.append(score - rate * minutes.log1p())
            values.append(value.view(2, 3)[head])
        weights = torch.stack(scores).softmax(0)
        heads.append(sum(w * v for w, v in zip(weights, values, strict=True)))
    return attention.mix_heads(torch.cat(heads))


def test_rare_items_share_a_vector_and_unknown_skills_count_for_nothing():
    answers = [[(1, 0, True)] * 3 + [(2, 9, False), (5, 9, True)]] * 2
    data = responses_of(answers)
    config = SAKTConfig(dim=8, n_heads=2, rare_below=3, optimiser=ONE_EPOCH)
    model = SAKT(N_ITEMS, N_SKILLS, config)
    model.fit(data, data, optimise)
    asked = torch.tensor([1, 2, 5, 11])
    own, rare, also_rare, unseen = model.items(asked)
    assert torch.equal(rare, unseen) and torch.equal(rare, also_rare)
    assert not torch.equal(own, rare)
    sets = responses_of([[(3, 0, True)]]).skill_sets  # skills 0 and 3, never met
    assert torch.equal(model.skills(sets), torch.zeros(1, 8))


def test_probes_after_a_response_are_what_the_next_answer_would_be_asked():
    """A probe is the same question as a response after train users' usual pause."""
    train = responses_of([[(1, 0, True), (1, 8, True), (2, 70, True), (1, 9, False)]])
    assert train.usual_pause == 9
    model = SAKT(N_ITEMS, N_SKILLS, SAKTConfig(dim=8, n_heads=2))
    model.fit(train, train, optimise)
    data = responses_of([[(1, 9, True), (2, 9, False), (1, 9, True)]])
    torch.testing.assert_close(
        model.predict_after(data, torch.tensor([1]), data.item[2:], data.skill_set[2:]),
        model.predict(data)[2:],
    )


# --- wide & deep item response theory -------------------------------------------


def irt_model() -> WideDeepIRT:
    config = WideDeepIRTConfig(dim=8, n_heads=2, optimiser=ONE_EPOCH)
    return WideDeepIRT(N_ITEMS, N_SKILLS, config)


def test_a_newcomers_ability_is_standard_normal_whatever_was_learned():
    """That fixes the scale of the difficulties."""
    model, data = irt_model(), simulated(n_users=40).responses
    model.fit(data, data, optimise)
    ability = model.abilities(data)
    first = data.user_starts[:-1]
    assert torch.equal(ability.mean[first], torch.zeros(len(first)))
    assert torch.equal(ability.spread[first], torch.ones(len(first)))
    others = torch.ones(len(data), dtype=torch.bool)
    others[first] = False
    assert (ability.mean[others] != 0).any()


def test_predictions_use_the_calibrated_items():
    model, data = irt_model(), simulated(n_users=40).responses
    model.fit(data, data, optimise)
    assert torch.equal(
        model.items.n_responses, torch.bincount(data.item, minlength=N_ITEMS)
    )
    before = model.predict(data)
    model.item_values[data.item[0], 0] += 1.0  # harder by one
    after = model.predict(data)
    is_item = data.item == data.item[0]
    assert (after[is_item] < before[is_item]).all()
    assert torch.equal(after[~is_item], before[~is_item])


def test_items_without_answers_stay_at_the_prior():
    model, data = irt_model(), simulated(n_users=40).responses
    model.fit(data, data, optimise)
    found = model.items
    assert found.n_responses[11] == 0
    torch.testing.assert_close(found.values[11], model.prior.mean)
    torch.testing.assert_close(found.errors[11], model.prior.precision.rsqrt())


def test_answers_at_one_moment_make_one_period_and_no_drift():
    data = simulated(n_users=30).responses
    data = replace(data, at=torch.full_like(data.at, 1_000_000_000))
    model = irt_model()
    model.fit(data, data, optimise)
    drift, begins = model.drift(data)
    assert begins.tolist() == [1_000_000_000]
    assert len(drift.item) == 0


@pytest.mark.parametrize("model", [SAKT, WideDeepIRT])
def test_a_state_of_other_sizes_is_refused(model):
    configs = {SAKT: SAKTConfig(), WideDeepIRT: WideDeepIRTConfig()}
    state = model(N_ITEMS, N_SKILLS, configs[model]).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch"):
        model(N_ITEMS + 1, N_SKILLS, configs[model]).load_state_dict(state)


@pytest.mark.parametrize(("too_sure", "too_low"), [(0.5, 0.0), (1.0, 0.5), (3.0, -1.0)])
def test_odds_are_taken_back_to_what_they_are_worth(too_sure, too_low):
    rng = np.random.default_rng(4)
    odds = torch.from_numpy(rng.normal(0.5, 1.2, 50_000))
    right = torch.from_numpy(rng.random(len(odds))) < odds.sigmoid()
    found = too_sure * odds - too_low
    platt = Platt()
    platt.learn(found.sigmoid(), right)
    mended, true = platt(found).sigmoid(), odds.sigmoid()
    torch.testing.assert_close(mended, true, atol=0.04, rtol=0)
    assert (found.sigmoid() - true).abs().max() > 0.1
    assert torch.equal(platt(found).argsort(), odds.argsort())


def test_a_few_sure_answers_change_little():
    platt = Platt()
    platt.learn(torch.full((5,), 0.99), torch.tensor([True] * 4 + [False]))
    assert 0.9 < float(platt.scale) < 1.0

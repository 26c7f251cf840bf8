"""The page of causal trials: what stands on top, and what every part shows."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from models_py.causal import summary as features
from tests.unit.causal.made_trials import simulated
from tests.unit.report.parsed_page import Page
from training.causal import family, scorecard
from training.causal.checks import all_checks
from training.causal.crossfit import CrossFit, quick_cross_fit
from training.causal.effects import (
    ESTIMANDS,
    balance,
    estimate,
    observed,
    overlap,
    subgroups,
)
from training.report.blocks import Section
from training.report.page import render
from training.report.record import Run
from training.report.sections.causal.checks import checks
from training.report.sections.causal.summary import summary


@pytest.fixture(scope="module")
def metrics() -> dict:
    """`metrics.json` of a small run with two kinds of nuisances."""
    table = simulated(250, 5, order_weight=0.0)
    probabilities = quick_cross_fit(table.trials, table.fold)
    fit = CrossFit(probabilities, [None] * 5, 270, 1.0, 0.5)
    worse = dataclasses.replace(fit, probabilities=probabilities * 0.9 + 0.05)
    fits = {"summary_logistic": fit, "summary_gbt": worse}
    seen = observed(table)
    found = {name: estimate(seen, one.nuisances, 0.01) for name, one in fits.items()}
    main = found["summary_logistic"]
    imbalance = balance(features.features(table.trials), main)
    by_nuisance = {
        name: {
            "n_trimmed": 0,
            **{
                estimand: {k: v.as_json() for k, v in one.effects[estimand].items()}
                for estimand in ESTIMANDS
            },
        }
        for name, one in found.items()
    }
    effects = {
        "estimand": "ATE",
        "outcome_product": "any",
        "outcome_horizon_sec": 86_400,
        "treatment_window_sec": 300,
        "caution": family.CAUTION,
        "nuisance": "summary_logistic",
        "n_trials": len(table),
        "n_trials_kept": len(table),
        "n_users": 250,
        "n_treated": int(seen.treatment.sum()),
        "n_censored": 12,
        "outcome_rate": 0.25,
        "estimates": by_nuisance["summary_logistic"]["ATE"],
        "estimates_att": by_nuisance["summary_logistic"]["ATT"],
        "by_nuisance": by_nuisance,
        "subgroups": subgroups(table.trials, main),
        "overlap": overlap(seen, fit.nuisances, main, 0.01),
        "balance": imbalance,
        "checks": all_checks(table, main, imbalance, 0.0, 1),
        "truth": {"ATE": 0.0926, "ATT": 0.098},
        "warnings": ["12 of 1,300 trials are censored and left out."],
    }
    metrics = {
        "run_id": "20260107-101500-ad_events-causal_trials",
        "family": "causal",
        "mart": "causal_trials",
        "dataset": "ad_events",
        "seed": 1,
        "command": "moocmeta-train --mart causal_trials",
        "best_nuisance": "summary_logistic",
        "models": scorecard.models_block(table, fits, 1),
        "effects": effects,
    }
    return json.loads(json.dumps(metrics))  # as it comes back from the file


def page_of(folder: Path, metrics: dict) -> Page:
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return Page(render(folder))


def texts(section: Section) -> list[str]:
    """Its paragraphs and points, in order."""
    found = []
    for block in section.blocks:
        found += getattr(block, "points", [getattr(block, "text", "")])
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory, metrics) -> Page:
    return page_of(tmp_path_factory.mktemp("run"), metrics)


def changed(metrics: dict, check: str | None = None, **changes) -> Run:
    """The run with some of its effects, or of a check, changed."""
    copied = copy.deepcopy(metrics)
    place = copied["effects"]["checks"][check] if check else copied["effects"]
    place |= changes
    return Run(copied, {}, {})


def test_every_part_of_the_page_is_there(page):
    assert page.open_tags == []
    for part in ("summary", "effects", "checks", "overlap", "groups", "nuisances"):
        assert part in page.ids
    labels = " ".join(figure["label"] for figure in page.figures)
    for plot in ("Mirrored histogram", "Love plot", "Band of possible effects"):
        assert plot in labels
    assert labels.count("Dot plot of effects") == 2 + 4  # estimands and groups


def test_the_caution_is_the_first_sentence(page, metrics):
    assert texts(summary(Run(metrics, {}, {})))[0].startswith("Clicks are not random")
    caution = page.prose.index("Clicks are not randomised")
    assert caution < page.prose.index("A click changes the chance")
    assert "12 of 1,300 trials are censored" in page.prose


def test_a_failed_check_stands_on_top_in_plain_words(metrics):
    words = "Effect on purchases in earlier sessions: +0.200. It should be 0."
    run = changed(metrics, "pre_index_outcome", passed=False, words=words)
    told = texts(summary(run))
    failed = f"Check failed: clicks do not change the past. {words}"
    headline = next(n for n, text in enumerate(told) if text.startswith("A click"))
    assert 0 < told.index(failed) < headline
    notes = [block for block in summary(run).blocks if getattr(block, "is_note", False)]
    assert failed in [note.text for note in notes]
    assert f"Failed: clicks do not change the past. {words}" in texts(checks(run))


def test_a_check_that_could_not_be_made_is_no_failure(metrics):
    words = "Could not be made: too few purchases."
    run = changed(metrics, "negative_control_product", passed=None, words=words)
    not_made = f"Not made: a click on one product sells no other. {words}"
    assert not_made in texts(checks(run))
    assert not any("sells no other" in text for text in texts(summary(run)))


def test_the_truth_is_shown_where_there_is_one(page, metrics):
    assert page.table("Effects with 95% intervals")[-1][0].startswith("True effect")
    assert "the true effect is +0.093" in page.prose
    real = changed(metrics, truth=None)
    assert not any("true effect" in text for text in texts(summary(real)))


def test_an_effect_that_may_be_none_is_said_to_be_so(metrics):
    estimates = copy.deepcopy(metrics["effects"]["estimates"])
    estimates["aipw"] |= {"estimate": 0.01, "ci95": [-0.02, 0.04]}
    told = " ".join(texts(summary(changed(metrics, estimates=estimates))))
    assert "cannot be told from no effect" in told
    assert "cannot be told from" not in " ".join(texts(summary(Run(metrics, {}, {}))))


def test_the_headline_says_which_purchases_and_clicks_count(metrics):
    told = " ".join(texts(summary(Run(metrics, {}, {}))))
    assert "the chance of a purchase within 24 hours by" in told
    assert "A click counts within 5 minutes of the impression." in told
    same = changed(metrics, outcome_product="same", outcome_horizon_sec=90)
    told = " ".join(texts(summary(same)))
    assert "chance of a purchase of the product shown within 90 seconds by" in told
    silent = dict.fromkeys(("outcome_horizon_sec", "treatment_window_sec"))
    told = " ".join(texts(summary(changed(metrics, **silent))))
    assert "the chance of a purchase within the horizon by" in told
    assert "A click counts" not in told


def test_the_raw_difference_is_told_of_the_trials_it_is_over(metrics):
    words = "impressions as they are, those without a counterpart too, differ by"
    n_kept = metrics["effects"]["n_trials"] - 5
    trimmed = changed(metrics, n_trials_kept=n_kept)
    assert words in " ".join(texts(summary(trimmed)))
    told = " ".join(texts(summary(Run(metrics, {}, {}))))
    assert "impressions as they are differ by" in told
    assert "the rest is who clicks" not in told


def test_one_user_of_a_real_log_has_effects_without_intervals(tmp_path, metrics):
    one = copy.deepcopy(metrics)
    effects = one["effects"]
    effects["truth"] = None
    tables = [effects["estimates"], effects["estimates_att"]]
    tables += [
        by[estimand] for by in effects["by_nuisance"].values() for estimand in ESTIMANDS
    ]
    for table in tables:
        for effect in table.values():
            effect |= {"se": None, "ci95": None}
    page = page_of(tmp_path, one)
    assert page.open_tags == []
    assert "True effect" not in page.prose
    rows = page.table("Effects with 95% intervals")
    assert [len(row) for row in rows[1:]] == [3] * 7  # raw, and three of each model

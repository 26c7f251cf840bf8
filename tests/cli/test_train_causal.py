"""`moocmeta-train --mart causal_trials` from marts to run folder, and on bad logs."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.command_line import (
    Finished,
    assert_one_line,
    files_under,
    finished,
    moocmeta,
    train_on,
    without_timings,
)
from training.causal import family
from training.marts.columns import NUMBER, SUMMARY
from training.simulate.ads.process import AdSettings
from training.simulate.ads.trials import simulate_trials

MART = ("--mart", "causal_trials")
QUICK = (*MART, "--model", "summary_logistic")
MODELS = ["summary_logistic", "summary_gbt", "causal_transformer"]
ESTIMATORS = ["raw", "outcome_regression", "ipw", "aipw"]
CHECKS = [
    "overlap",
    "balance",
    "permuted_treatment",
    "pre_index_outcome",
    "negative_control_product",
    "e_value",
    "unseen_confounder",
]


def audit_of(*findings: tuple[str, int, str | None, bool]) -> pa.Table:
    names = ("finding", "n_rows", "names", "is_warning")
    columns = zip(*findings, strict=True) if findings else ([],) * 4
    table = pa.table(dict(zip(names, map(list, columns), strict=True)))
    return table.append_column("finding_number", pa.array(range(len(findings))))


def world(folder: Path, *statements: str, n_users: int = 260) -> dict[str, str]:
    """Marts and truth of a small simulated log in a folder, changed by SQL.

    Returns:
        The environment that points there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = simulate_trials(AdSettings(), n_users, 3)
    vocab = pa.table({"item_id": range(len(made.tokens)), "token": made.tokens})
    audit = audit_of(("events of unknown types, not used", 7, "Refund, view", True))
    amounts = {
        name: [0.5] if column.kind == NUMBER.kind else [n_users]
        for name, column in SUMMARY.items()
    }
    summary = pa.table({**amounts, "split": ["all"]}).drop_columns("dataset")
    funnel = pa.table(
        {"step_number": [1], "step": ["raw rows"], "n_rows": [9], "n_users": [n_users]}
    )
    with duckdb.connect(str(folder / "m.duckdb")) as connection:
        for name, rows in (
            ("dataset_summary", summary),
            ("dataset_funnel", funnel),
            ("causal_trials", made.table),
            ("causal_vocab", vocab),
            ("causal_audit", audit),
        ):
            connection.register("rows", rows)
            connection.execute(
                f"create table {name} as select 'ad_events' as dataset, * from rows"
            )
            connection.unregister("rows")
        for statement in statements:
            connection.execute(statement)
    truth = folder / "truth" / "ad_events"
    truth.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        made.table.select(["user_id", "index_epoch", "effect"]),
        truth / "trials.parquet",
    )
    return {
        "MOOCMETA_DUCKDB": str(folder / "m.duckdb"),
        "MOOCMETA_DATA_DIR": str(folder),
    }


@pytest.fixture(scope="module")
def env(tmp_path_factory) -> dict[str, str]:
    return world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def full(tmp_path_factory, env) -> Finished:
    """Every nuisance model, the network for one epoch."""
    return finished(env, tmp_path_factory.mktemp("runs"), *MART, "--epochs", "1")


@pytest.fixture(scope="module")
def quick(tmp_path_factory, env) -> Finished:
    """Logistic nuisances alone."""
    return finished(env, tmp_path_factory.mktemp("runs"), *QUICK)


def test_the_run_folder_holds_every_artifact(full):
    folds = [f"checkpoints/{m}.fold{k}.safetensors" for m in MODELS for k in range(5)]
    expected = {
        *("config.json", "effects.json", "manifest.json", "metrics.json"),
        *("predictions.parquet", "report.html"),
        *folds,
    }
    assert set(files_under(full.path)) == expected


def test_effects_hold_what_the_contract_names(full):
    effects = full.effects
    assert effects["estimand"] == "ATE"
    assert list(effects["estimates"]) == ESTIMATORS
    for effect in effects["estimates"].values():
        assert effect.keys() == {"estimate", "se", "ci95"}
        low, high = effect["ci95"]
        assert low < effect["estimate"] < high
    assert list(effects["checks"]) == CHECKS
    for check in effects["checks"].values():
        assert check["passed"] in (True, False, None)
        assert check["words"].endswith(".")
    assert effects["n_trials"] > effects["n_users"] > 200
    assert effects["overlap"]["trimmed_share"] == pytest.approx(
        1 - effects["n_trials_kept"] / effects["n_trials"]
    )
    assert list(effects["by_nuisance"]) == MODELS
    assert full.metrics["effects"] == effects


def test_real_data_have_the_same_effects_by_the_rules_of_their_marts_and_no_truth(
    tmp_path, quick
):
    rules = {"outcome_product": "same", "outcome_horizon_sec": 3600}
    rules["treatment_window_sec"] = 60
    assert quick.effects.items() >= dict.fromkeys(rules).items()
    seed = (
        "create table datasets as select 'ad_events' as dataset, 'same' as "
        "outcome_product, 3600 as outcome_horizon_sec, 60 as treatment_window_sec"
    )
    env = world(tmp_path / "world", seed)
    elsewhere = {**env, "MOOCMETA_DATA_DIR": str(tmp_path / "none")}
    found = finished(elsewhere, tmp_path / "runs", *QUICK)
    assert found.effects == {**quick.effects, **rules, "truth": None}
    assert "True effects" not in found.stdout
    page = (found.path / "report.html").read_text()
    assert "the chance of a purchase of the product shown within 1 hour" in page


def test_aipw_follows_from_the_predictions(full):
    effects = full.effects
    rows = pd.read_parquet(full.path / "predictions.parquet")
    assert rows.groupby("model").size().to_dict() == dict.fromkeys(
        sorted(MODELS), effects["n_trials"]
    )
    rows = rows[rows.model == effects["nuisance"]]
    rows = rows[rows.propensity.between(0.01, 0.99)]
    residual = rows.outcome - np.where(
        rows.treatment, rows.outcome_if_treated, rows.outcome_if_control
    )
    weight = np.where(rows.treatment, 1 / rows.propensity, -1 / (1 - rows.propensity))
    scores = rows.outcome_if_treated - rows.outcome_if_control + weight * residual
    aipw = effects["estimates"]["aipw"]
    assert scores.mean() == pytest.approx(aipw["estimate"], abs=1e-12)
    by_user = (scores - scores.mean()).groupby(rows.user_id).sum()
    n_users = len(by_user)
    se = np.sqrt((by_user**2).sum() * n_users / (n_users - 1)) / len(scores)
    assert se == pytest.approx(aipw["se"], abs=1e-12)


def test_a_model_never_predicts_users_it_learned_from(full):
    """A fold's predictions are those of the checkpoint of that fold."""
    rows = pd.read_parquet(full.path / "predictions.parquet")
    assert (rows.groupby("user_id").fold.nunique() == 1).all()
    by_fold = rows[rows.model == "summary_logistic"].groupby("fold").propensity.mean()
    assert by_fold.nunique() == 5


def test_the_truth_stands_beside_the_estimates(full):
    truth = full.effects["truth"]
    assert 0.05 < truth["ATE"] < truth["ATT"] < 0.15
    assert f"True effects (simulated): ATE {truth['ATE']:+.4f}" in full.stdout


def test_the_caution_comes_first_then_one_table_then_the_verdict(full):
    lines = full.stdout.splitlines()
    assert lines[0].startswith("! Clicks are not randomised")
    assert "! Events of unknown types, not used (Refund, view): 7." in full.stdout
    header = next(n for n, line in enumerate(lines) if line.startswith("estimator"))
    assert lines[header + 2].startswith("raw difference")
    assert sum(line.startswith("AIPW") for line in lines) == len(MODELS)
    verdict = next(n for n, line in enumerate(lines) if line.startswith("Checks:"))
    assert verdict > header
    assert [line[10:].split(":")[0] for line in lines[verdict + 1 :][:7]] == CHECKS


def test_the_index_and_the_list_of_runs_know_the_run(full):
    listed = moocmeta("runs", "--out", full.path.parent)
    assert listed.exit_code == 0
    assert "nuisance_log_loss" in listed.stdout
    best = min(
        full.metrics["models"],
        key=lambda m: full.metrics["models"][m]["test"]["nuisance_log_loss"],
    )
    assert full.metrics["best_nuisance"] == best
    assert best in listed.stdout


def test_a_causal_run_recommends_nothing(quick):
    found = moocmeta("recommend", "--run", quick.path, "--after", "3")
    assert_one_line(found, "a run on causal_trials", "--run")


def test_the_page_begins_with_the_caution(full):
    page = (full.path / "report.html").read_text()
    caution = page.index("Clicks are not randomised")
    assert caution < page.index("A click changes the chance of a purchase")
    for check, of in full.effects["checks"].items():
        if of["passed"] is False:
            assert caution < page.index("Check failed"), check


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path, env, full, monkeypatch
):
    def stop(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(family.scorecard, "models_block", stop)
        broken = train_on(env, tmp_path, *MART, "--epochs", "1")
    assert_one_line(broken, "interrupted", "--resume")
    (config,) = tmp_path.glob("*/config.json")
    resumed = train_on(env, tmp_path, "--resume", config.parent)
    assert resumed.exit_code == 0, resumed.output
    found = Finished(config.parent, resumed.stdout, resumed.stderr)
    assert found.effects == full.effects
    assert without_timings(found.metrics) == without_timings(full.metrics)


def test_trimming_is_stated_and_the_seed_deals_out_other_clicks(tmp_path, env, quick):
    options = ("--set", "trim=0.1", "--seed", 5)
    found = finished(env, tmp_path, *QUICK, *options).effects
    assert found["n_trials"] == quick.effects["n_trials"]
    assert found["overlap"]["trim"] == 0.1
    assert found["overlap"]["n_trimmed"] == found["n_trials"] - found["n_trials_kept"]
    assert found["overlap"]["trimmed_share"] > 0.1
    assert found["checks"]["overlap"]["passed"] is False
    assert found["estimates"]["raw"] == quick.effects["estimates"]["raw"]
    permuted = [e["checks"]["permuted_treatment"] for e in (found, quick.effects)]
    assert permuted[0]["mean_estimate"] != permuted[1]["mean_estimate"]


@pytest.mark.parametrize(
    ("statement", "fragments"),
    [
        (
            "update causal_trials set treatment = false",
            ["no trial is clicked", "(unknown event types: Refund, view)"],
        ),
        ("update causal_trials set treatment = true", ["every trial is clicked"]),
        (
            "update causal_trials set outcome = false",
            ["no purchase follows any of", "(unknown event types: Refund, view)"],
        ),
        (
            "update causal_trials set censored = true",
            ["trials are censored", "horizon"],
        ),
        ("delete from causal_trials", ["causal_trials is empty", "dbt build"]),
        (
            "update causal_trials set treatment = (fold = 2)",
            ["without fold 2 there is no clicked trial", "add data"],
        ),
        (
            "update causal_trials set fold = 1",
            ["all trials are of fold 1", "add users"],
        ),
        ("drop table causal_vocab", ["another version", "dbt build"]),
    ],
    ids=lambda value: value.split()[-1] if isinstance(value, str) else "",
)
def test_a_log_that_no_effect_can_be_read_from(tmp_path, statement, fragments):
    env = world(tmp_path / "world", statement, n_users=60)
    out = tmp_path / "runs"
    assert_one_line(train_on(env, out, *QUICK), *fragments)
    assert not list(out.glob("*")) if out.exists() else True


def test_propensities_all_at_the_edge(tmp_path):
    """One click in a thousand trials: trimming leaves nothing to compare."""
    few = (
        "update causal_trials set treatment = "
        "trial_id in (select min(trial_id) from causal_trials group by fold)"
    )
    env = world(tmp_path / "world", few)
    result = train_on(env, tmp_path, *QUICK, "--set", "trim=0.3")
    assert_one_line(
        result, "trim=0.3", "summary_logistic: propensities in [", "--set trim="
    )
    assert "100.0% of the trials trimmed, 0 clicked and 0 unclicked" in result.stderr


def test_a_model_without_estimates_is_named_and_the_run_goes_by_another(
    tmp_path, env, monkeypatch
):
    def foreseeing(job, name, trials, fold):
        fit = cross_fit(job, name, trials, fold)
        if name == "summary_logistic":  # of all models it predicts best
            fit.probabilities[:, 0] = np.where(trials.treatment == 1, 0.999, 0.001)
        return fit

    cross_fit = family.cross_fit
    monkeypatch.setattr(family, "cross_fit", foreseeing)
    found = finished(env, tmp_path, *QUICK, "--model", "summary_gbt")
    losses = {
        name: block["test"]["nuisance_log_loss"]
        for name, block in found.metrics["models"].items()
    }
    assert losses["summary_logistic"] < losses["summary_gbt"]
    effects = found.effects
    assert effects["nuisance"] == found.metrics["best_nuisance"] == "summary_gbt"
    assert list(effects["by_nuisance"]) == ["summary_gbt"]
    assert effects["warnings"][-1] == (
        "summary_logistic has no estimates: propensities in [0.0010, 0.9990], 100.0% "
        "of the trials trimmed, 0 clicked and 0 unclicked left."
    )
    assert "! summary_logistic has no estimates" in found.stdout
    page = (found.path / "report.html").read_text()
    assert "has the lowest loss of those with estimates" in page
    rows = pd.read_parquet(found.path / "predictions.parquet")
    assert set(rows.model) == {"summary_logistic", "summary_gbt"}


def test_one_user_to_learn_from(tmp_path):
    """Fold 0 has all users but one, who clicked and did not."""
    only = (
        "(select user_id from causal_trials where not censored group by user_id "
        "having bool_or(treatment) and not bool_and(treatment) order by 1 limit 1)"
    )
    env = world(
        tmp_path / "world",
        f"update causal_trials set fold = case when user_id = {only} then 1 else 0 end",
        n_users=60,
    )
    result = train_on(env, tmp_path, *MART, "--model", "causal_transformer")
    assert_one_line(result, "causal_transformer.fold0", "one user", "add users")


def test_an_arm_without_purchases_and_censoring_are_told(tmp_path):
    env = world(
        tmp_path / "world",
        "update causal_trials set outcome = false, outcome_other = false "
        "where treatment",
        "update causal_trials set censored = true where trial_id < 25",
    )
    found = finished(env, tmp_path / "runs", *QUICK)
    warnings = " ".join(found.effects["warnings"])
    n_censored = found.effects["n_censored"]
    assert n_censored >= 25
    assert f"{n_censored} of" in warnings
    assert "are censored" in warnings
    assert "None of the" in warnings
    check = found.effects["checks"]["negative_control_product"]
    assert check["passed"] is None
    assert "Could not be made" in check["words"]
    assert "not made" in found.stdout


def test_a_model_of_another_family_is_refused(tmp_path, env):
    assert_one_line(train_on(env, tmp_path, *MART, "--model", "gru"), "gru", "choose")


def test_a_data_set_that_is_not_there_is_refused(tmp_path, env):
    result = train_on(env, tmp_path, *MART, "--dataset", "mars")
    assert_one_line(result, "mars", "ad_events")


def test_the_sample_data_from_raw_file_to_effect(tmp_path, built_project, monkeypatch):
    monkeypatch.setattr("training.causal.checks.N_PERMUTATIONS", 20)
    effects = finished(built_project.env, tmp_path, *QUICK).effects
    raw, aipw = (effects["estimates"][name] for name in ("raw", "aipw"))
    low, high = aipw["ci95"]
    assert low <= effects["truth"]["ATE"] <= high
    assert raw["ci95"][0] > effects["truth"]["ATE"]
    for check in (
        "permuted_treatment",
        "pre_index_outcome",
        "negative_control_product",
    ):
        assert effects["checks"][check]["passed"], check

"""The causal benchmarks do the work they report."""

import pytest

from benchmarks import bench_causal_coverage, bench_causal_order


def test_coverage_benchmark_reports_every_estimator_and_case():
    result = bench_causal_coverage.run(n_datasets=3, n_users=150)
    assert result["cases"]["no_effect"]["truth"] == {"ATE": 0.0, "ATT": 0.0}
    for case in result["cases"].values():
        for estimates in case["estimates"].values():
            assert list(estimates) == ["raw", "outcome_regression", "ipw", "aipw"]
            for found in estimates.values():
                assert 0 <= found["share_covered"] <= 1
                assert 0 < found["mean_se"] < 0.2
                assert abs(found["bias"]) < 0.2


def test_order_benchmark_compares_every_model(monkeypatch):
    assert list(bench_causal_order.ORDER_WEIGHTS) == ["order", "counts"]
    monkeypatch.setattr(bench_causal_order, "ORDER_WEIGHTS", {"order": 1.0})
    result = bench_causal_order.run(n_users=60, epochs=1)
    assert list(result["cases"]) == ["order"]
    for case in result["cases"].values():
        models = case["models"]
        assert list(models) == ["summary_logistic", "summary_gbt", "causal_transformer"]
        compared = models["causal_transformer"]["vs_best_summary"]
        best = models[compared["baseline"]]["test"]["nuisance_log_loss"]
        own = models["causal_transformer"]["test"]["nuisance_log_loss"]
        gap = compared["nuisance_log_loss"]
        assert gap["difference"] == pytest.approx(own - best)
        assert gap["ci95"][0] < gap["difference"] < gap["ci95"][1]

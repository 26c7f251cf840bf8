"""The model benchmarks do the work they report."""

import json
from importlib import import_module

from click.testing import CliRunner


def printed_by(script: str, *options: str) -> dict:
    result = CliRunner().invoke(import_module(f"benchmarks.{script}").main, options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_training_benchmark_reports_every_model_and_case():
    result = printed_by("bench_training", "--targets", "2000", "--items", "20")
    assert result["threads"] == 1
    for case in result["cases"].values():
        assert 2000 <= case["n_targets"] <= 2050
        rates = case["targets_per_cpu_second"]
        assert rates.keys() == {"gru", "sasrec"}
        assert all(rate > 0 for rate in rates.values())
    # the published log: 2 at the median, 14 at the 90th percentile
    realistic = result["cases"]["realistic"]
    assert 2 <= realistic["prefix_p50"] <= 3
    assert 11 <= realistic["prefix_p90"] <= 17


def test_scoring_benchmark_reports_every_model():
    models = printed_by("bench_scoring", "--queries", "50", "--items", "20")["models"]
    assert models.keys() == {"gru", "sasrec", "session_knn"}
    assert all(model["ratio"] > 0 for model in models.values())


def test_tracing_benchmark_compares_like_with_like():
    result = printed_by("bench_tracing_training", "--responses", "800", "--items", "20")
    assert result["threads"] == 1
    for case in result["cases"].values():
        rates = case["responses_per_cpu_second"]
        assert list(rates) == ["sakt", "pykt", "pykt, its default of two blocks"]
        assert all(rate > 0 for rate in rates.values())
    assert result["cases"]["full windows"]["n_responses"] == 800


def test_meta_benchmark_reports_every_trained_method(monkeypatch):
    monkeypatch.setattr("benchmarks.bench_meta.PLAIN_TASKS", 2)
    result = printed_by("bench_meta", "--tasks", "32", "--items", "20")
    assert result["threads"] == 1
    rates = result["learners_per_cpu_second"]
    assert rates.keys() == {"maml", "fomaml", "meta_sgd", "anil", "cavia"}
    assert all(rate > 0 for rate in rates.values())
    assert result["times_faster"].keys() == {"maml", "fomaml"}

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


def test_devices_are_compared_with_the_cpu():
    module = import_module("benchmarks.bench_devices")

    def metrics_of(recall, seconds):
        history = [{"seconds": each} for each in seconds]
        ci95 = {"recall@10": [0.4, 0.6]}
        model = {"test": {"recall@10": recall}, "ci95": ci95, "train_seconds": 9.0}
        return {"models": {"gru": model | {"history": history}}}

    found = {
        "cuda": metrics_of(0.51, [9.0, 1.0, 1.0]),
        "cuda_bf16": metrics_of(0.49, [1.0]),
        "cpu": metrics_of(0.5, [4.0, 2.0]),
    }
    (row,) = module.rows_of(found, ("gru",)).values()
    assert row["cpu"]["test"] == {"recall@10": 0.5}
    assert row["cpu"]["epoch_seconds"] == 3.0
    assert row["cuda"]["less_cpu"] == {"recall@10": 0.01}
    assert (row["cuda"]["epoch_seconds"], row["cuda"]["epochs"]) == (1.0, 3)
    assert row["cuda_bf16"]["less_cpu"] == {"recall@10": -0.01}

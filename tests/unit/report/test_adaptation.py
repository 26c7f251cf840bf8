"""What the page says of adaptation and of reliability."""

import pytest

from tests.unit.report.run_folders import recommendation_metrics
from training.report import numbers
from training.report.blocks import Row, Table, Text
from training.report.record import Run
from training.report.sections.adaptation import adaptation
from training.report.sections.reliability import reliability

NAMES = ("accuracy@1", "recall@5", "recall@10", "ndcg@10", "mrr")


def metrics_at(value: float) -> dict[str, float]:
    return dict.fromkeys(NAMES, value)


def versus(difference: float, low: float, high: float, p: float = 0.01):
    return {
        key: {"difference": difference, "ci95": [low, high], "p": p} for key in NAMES
    }


def block(reached: float, start: float = 0.5, **changes):
    return {
        "zero_shot": metrics_at(start),
        "by_support": {"1": metrics_at(start + 0.01), "5": metrics_at(reached)},
        "by_steps": {},
        "vs_zero_shot": versus(reached - start, 0.01, 0.2),
        "vs_fine_tune": None,
        "vs_maml_warm": None,
        "vs_uniform": None,
        "by_tier": {
            "low": {
                "n_users": 3,
                "vs_zero_shot": versus(-0.02, -0.06, 0.02, 0.4),
                "vs_fine_tune": None,
            },
            "high": {
                "n_users": 17,
                "vs_zero_shot": versus(0.05, 0.01, 0.09),
                "vs_fine_tune": versus(0.04, 0.01, 0.07),
            },
        },
        "gap_closed": None,
        **changes,
    }


@pytest.fixture
def run() -> Run:
    """Four forms of MAML and one model that closes half of the gap."""
    metrics = recommendation_metrics(n_users=20)
    steps = {str(n): metrics_at(0.5 + 0.001 * n) for n in (0, 1, 3, 5, 10, 20)}
    found = {
        "maml": block(0.51, by_steps=steps),
        "maml_adaptive": block(0.48, vs_uniform=versus(-0.03, -0.05, -0.01)),
        "maml_warm": block(0.52, by_steps=steps),
        "maml_warm_adaptive": block(0.51, vs_uniform=versus(-0.01, -0.02, 0.01, 0.3)),
        "best": block(
            0.7,
            vs_fine_tune=versus(0.18, 0.1, 0.25),
            vs_maml_warm=versus(0.15, 0.1, 0.25),
            gap_closed={"recall@10": 0.55},
        ),
    }
    for name, adapting in found.items():
        reached = adapting["by_support"]["5"]
        metrics["models"][name] = {
            **metrics["models"]["gru"],
            "title": name.upper(),
            "test": reached,
            "adaptation": adapting,
        }
    metrics["gradient_orders"] = {
        "inner_rate": 0.01,
        "inner_steps": 5,
        "cosine": 0.9995,
        "relative_difference": 0.032,
    }
    metrics["reliability"] = {
        "n_sessions": 10,
        "histogram": [1, 2, 3, 4],
        "tiers": {"low": 2, "medium": 5, "high": 3},
        "correlations": {
            "intensity": {"pearson": 0.91, "spearman": 0.88},
            "extent": {"pearson": None, "spearman": None},
        },
    }
    settings = {"maml": {"validate_every": 20}}  # over twelve epochs
    return Run(metrics, {}, {"models": settings})


def tables(section) -> list[Table]:
    return [found for found in section.blocks if isinstance(found, Table)]


def rows_of(table: Table) -> dict[str, list[str]]:
    return {row[0].value: [cell.value for cell in row[1:]] for row in table.cells}


def test_gains_name_the_difference_and_the_gap_closed(run):
    gains, _ = tables(adaptation(run))
    assert gains.columns[3] == "gap closed"  # in sight where the table scrolls
    rows = rows_of(gains)
    assert next(iter(rows)) == "BEST"
    assert rows["BEST"] == ["0.500", "0.700", "55.0%", "+0.200", "+0.180", "+0.150"]
    assert [rows["MAML"][at] for at in (2, 4, 5)] == [numbers.NOTHING] * 3


def test_the_ablation_crosses_start_and_reliability(run):
    _, ablation = tables(adaptation(run))
    rows = rows_of(ablation)
    assert rows["from scratch"] == ["0.510", "0.480", "−0.030"]
    assert rows["warm start"] == ["0.520", "0.510", "−0.010"]


def test_curves_begin_without_steps_and_without_support(run):
    (row,) = [found for found in adaptation(run).blocks if isinstance(found, Row)]
    titles = [figure.title for figure in row.blocks]
    assert titles == ["recall@10 by steps on the support", "recall@10 by support pairs"]
    assert "MAML from 0.500 to 0.520" in row.blocks[0].label
    assert "BEST from 0.500 to 0.700" in row.blocks[1].label


def test_outer_steps_and_the_orders_are_said(run):
    """Steps are those of the logs, whatever the preset is called."""
    texts = [found.text for found in adaptation(run).blocks if isinstance(found, Text)]
    assert "did so for 240 outer steps; configs/paper.yaml has" in texts[0]
    assert "cosine 0.9995, difference 3.2% of the second-order one" in texts[1]


def test_runs_without_adapting_models_have_no_such_section():
    plain = Run(recommendation_metrics(n_users=20), {}, {})
    assert adaptation(plain) is None
    assert reliability(plain) is None


def test_reliability_shows_tiers_parts_and_what_using_it_did(run):
    intro, row, gains = reliability(run).blocks
    assert "MAML_ADAPTIVE −0.030 (−0.050 to −0.010)" in intro.text
    distribution, parts = row.blocks
    assert "low 20.0%, medium 50.0%, high 30.0%" in distribution.caption
    assert rows_of(parts)["intensity"] == ["0.91", "0.88"]
    assert rows_of(parts)["extent"] == [numbers.NOTHING] * 2
    assert "low 3 users, high 17 users" in gains.caption
    assert gains.columns[1:3] == ["low: less zero-shot", "low: less fine-tuning"]
    assert rows_of(gains)["BEST"] == ["−0.020", numbers.NOTHING, "+0.050", "+0.040"]

"""What the page says in words, for each way a comparison can come out."""

from training.report.record import Run
from training.report.sections.certainty import certainty
from training.report.sections.headline import headline


def run_of(gaps: dict[str, tuple[float, float, float, float]], **extra) -> Run:
    """A baseline "base" with recall@10 0.5 and rivals at 0.5 + difference.

    Args:
        gaps: name -> difference, interval's ends, p.
    """
    models = {"base": {"title": "Base", "test": {"recall@10": 0.5}}}
    models["base"] |= {"ci95": {"recall@10": [0.4, 0.6]}, "vs_best_baseline": None}
    for name, (difference, low, high, p) in gaps.items():
        compared = {"difference": difference, "ci95": [low, high], "p": p}
        models[name] = {
            "title": name.title(),
            "test": {"recall@10": 0.5 + difference},
            "ci95": {"recall@10": [0.45 + difference, 0.55 + difference]},
            "vs_best_baseline": {"recall@10": compared},
        }
    sizes = {"n_test_users": 120, "n_test_queries": 1_200}
    return Run(sizes | {"best_baseline": "base", "models": models} | extra, {}, {})


def words(run: Run) -> list[str]:
    lead, points, _ = headline(run).blocks
    return [text.replace("\u00a0", " ") for text in (lead.text, *points.points)]


def test_a_baseline_that_leads_names_the_next_and_the_rest():
    b, c = (-0.4, -0.5, -0.3, 0.0005), (-0.5, -0.6, -0.4, 0.0005)
    lead, below = words(run_of({"c": c, "b": b, "a": (-0.1, -0.15, -0.05, 0.002)}))
    assert lead == (
        "Base has the highest recall@10: 0.500 (95% interval 0.400–0.600) on "
        "1,200 queries of 120 test users."
    )
    assert below == (
        "Below Base, the best baseline by validation: "
        "A (−0.100, 95% interval −0.150 to −0.050, p = 0.002), "
        "B (−0.400, 95% interval −0.500 to −0.300, p < 0.001), then C."
    )


def test_a_model_above_the_best_baseline_leads():
    lead, above = words(run_of({"new": (0.1, 0.02, 0.18, 0.012)}))
    assert lead.startswith("New has the highest recall@10: 0.600")
    assert above == (
        "Above Base, the best baseline by validation: "
        "New (+0.100, 95% interval +0.020 to +0.180, p = 0.012)."
    )


def test_an_interval_over_zero_or_a_large_p_tells_nothing_apart():
    lead, level = words(
        run_of({"x": (0.03, -0.02, 0.08, 0.2), "y": (0.02, 0.001, 0.04, 0.07)})
    )
    assert lead.startswith("X has the highest")
    assert level.startswith("Cannot be told apart from Base, the best baseline")
    assert ": X (+0.030" in level
    assert " and Y (+0.020" in level


def test_optimum_reached_in_percent():
    run = run_of({}, bayes_optimal={"recall@10": 0.625})
    assert words(run)[1] == (
        "These data are simulated, so the best value reachable is known: 0.625. "
        "Base reaches 80.0% of it."
    )


def test_nothing_to_say_without_a_headline_metric():
    run = Run({"models": {"m": {"test": {"rmse": 1.0}}}}, {}, {})
    assert headline(run) is None
    assert certainty(run) is None


def test_detectable_difference_by_hand():
    """Half width .098 is .05 standard errors; 2.8 of them are found in 4 of 5."""
    run = run_of(
        {"a": (-0.1, -0.198, -0.002, 0.04), "b": (-0.2, -0.249, -0.151, 0.001)}
    )
    (text,) = certainty(run).blocks
    assert "by about 0.070 to 0.140 in recall@10" in text.text
    assert "1,200 test queries come from 120 users" in text.text

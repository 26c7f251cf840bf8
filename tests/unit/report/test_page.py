"""The page of a run folder, read back: table, plots, words, nothing from outside."""

import copy
import json
import subprocess
import sys

import pytest

from tests.unit.report.parsed_page import Page
from tests.unit.report.run_folders import (
    recommendation_metrics,
    repeated_splits,
    write_run,
)
from training.errors import UserError
from training.evaluation.metrics import LISTS
from training.files import sha256_of
from training.report.page import render, write_report
from training.report.record import Run
from training.report.sections.lists import lists

OPTIONAL = ("bayes_optimal", "repeat_splits", "data_summary", "funnel", "command")


@pytest.fixture(scope="module")
def metrics():
    metrics = recommendation_metrics()
    metrics["repeat_splits"] = repeated_splits(metrics)
    return metrics


@pytest.fixture(scope="module")
def folder(metrics, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("report") / "run", metrics)


@pytest.fixture(scope="module")
def page(folder):
    return Page(render(folder))


def small_metrics(metrics, **changes):
    """Two models and no optional block, so that a page is quick to draw."""
    small = copy.deepcopy(metrics) | dict.fromkeys(OPTIONAL)
    small["models"] = {name: small["models"][name] for name in ("gru", "random")}
    for block in small["models"].values():
        block |= {"history": [], "slices": {}, "best_epoch": None}
    return small | changes


def test_page_is_well_formed_and_needs_nothing_from_outside(page):
    assert page.open_tags == []
    assert len(page.ids) == len(set(page.ids))
    assert "http" not in page.text
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    inside = [address for address in page.addresses if address.startswith("#")]
    assert set(page.addresses) - set(inside) == {"data:,"}
    assert {address[1:] for address in inside} <= set(page.ids)
    assert '<meta name="viewport"' in page.text


def test_sections_come_in_order(page):
    assert page.headings == [
        "Summary",
        "Results on test users",
        "Against the best baseline, GRU",
        "What can be told apart",
        "Distance to the Bayes optimum",
        "Where the models are strong and weak",
        "Training",
        "Data",
        "Repeat this run",
    ]


def test_what_validation_decided_is_told(metrics, tmp_path):
    small = small_metrics(metrics)
    small["models"]["gru"]["chosen"] = {
        "settings": {
            "repeat_weight": 0.2,
            "knn": {"reminds": True},
            "kinds_weight": 0.2,
            "dropout": 0.5,
        },
        "tried": [
            {"repeat_weight": 0.0, "mrr": 0.25},
            {"repeat_weight": 0.2, "mrr": 0.312},
            {"knn.reminds": True, "mrr": 0.3},
            {"kinds_weight": 0.2, "log_likelihood": -2.7},
        ],
    }
    page = Page(render(write_run(tmp_path / "run", small)))
    _, *rows = page.table("What validation MRR decided")
    assert rows == [
        ["GRU", "kinds_weight", "0.2", "0.2"],
        ["GRU", "knn.reminds", "True", "True"],
        ["GRU", "repeat_weight", "0.2", "0.0, 0.2"],
    ]


def test_result_table_holds_every_metric_with_its_interval(page, metrics):
    head, *rows = page.table("Test metrics")
    names = ["accuracy@1", "recall@5", "recall@10", "ndcg@10", "mrr"]
    assert head == ["Model", *names]
    by_title = {row[0]: row[1:] for row in rows}
    assert [row[0] for row in rows][-1] == "Random"  # best first
    for block in metrics["models"].values():
        assert by_title[block["title"]] == [
            f"{block['test'][name]:.3f} "
            f"{block['ci95'][name][0]:.3f}–{block['ci95'][name][1]:.3f}"
            for name in names
        ]


def test_comparison_leaves_the_baseline_out_and_shows_p(page, metrics):
    head, *rows = page.table("Model less GRU")
    assert len(head) == 6
    assert {row[0] for row in rows} == {
        "SASRec", "Session-KNN", "Popularity", "Random",
    }  # fmt: skip
    cell = {row[0]: row for row in rows}["Random"][3]
    gap = metrics["models"]["random"]["vs_best_baseline"]["recall@10"]
    assert cell.startswith(f"−{-gap['difference']:.3f} ")
    assert cell.endswith("p\u00a0<\u00a00.001")


def test_every_figure_says_in_words_what_it_shows(page):
    titles = [figure["title"] for figure in page.figures]
    assert titles == [
        "recall@10 of each model",
        "mrr of each model",
        "Difference in recall@10 to GRU",
        "Difference in mrr to GRU",
        "recall@10 over the splits",
        "mrr over the splits",
        "Share of the optimal recall@10",
        "Share of the optimal mrr",
        "recall@10 by prefix length",
        "recall@10 by reliability tier",
        "Training loss",
        "Validation MRR",
        "From raw rows on",
    ]
    for figure in page.figures:
        assert figure["svg"]
        assert len(figure["caption"]) > 30
        assert len(figure["label"]) > 60
    # text in plots is text, so that it can be read, searched and scaled
    assert "Session-KNN" in page.figures[0]["text"]
    assert "Bayes optimum" in page.figures[0]["text"]
    assert "10-19" in page.figures[8]["text"]


def test_plots_take_their_colours_from_the_page(page):
    svg = page.text[page.text.index("<svg") : page.text.rindex("</svg>")]
    assert "var(--series-0)" in svg
    assert "var(--ink)" in svg
    assert "#0100" not in svg
    assert "#0200" not in svg


def test_data_optimum_and_splits_are_told(page, metrics):
    assert page.table("Rows at each step")[1] == ["raw rows", "412,889", "–"]
    head, users, *_ = page.table("The data set by split")
    assert head[1:] == ["train", "val", "test", "all"]
    assert users == ["users", "712", "154", "152", "1,018"]
    share = metrics["models"]["gru"]["test"]["recall@10"] / 0.79
    assert f"GRU reaches {share:.1%} of it" in page.prose
    assert page.table("Share of the optimum")[2][2].startswith(f"{share:.1%}")
    spread = metrics["repeat_splits"]["models"]["random"]["mrr"]
    assert page.table("Mean ±")[-1][5] == (
        f"{spread['mean']:.3f} ± {spread['sd']:.3f} "
        f"{spread['min']:.3f}–{spread['max']:.3f}"
    )
    gaps = {row[0]: row[1] for row in page.table("Mean difference in")[1:]}
    assert gaps["GRU"] == "–"
    assert gaps["Random"].startswith("−0.100")
    assert "1.2% of the test queries" in page.prose


def test_models_whose_lists_are_alike_are_each_seen(metrics):
    """Each has a row of its own, from the most accurate one down."""
    favours = dict.fromkeys(LISTS, 0.99) | {"ci95": dict.fromkeys(LISTS, (0.98, 1.0))}
    models = {
        name: {**block, "lists": None if name == "random" else favours}
        for name, block in metrics["models"].items()
    }
    row, _ = lists(Run({**metrics, "models": models}, {}, {})).blocks
    names = ["GRU", "SASRec", "Session-KNN", "Popularity"]
    for figure in row.blocks:
        assert figure.label.endswith("; ".join(f"{name} 0.990" for name in names) + ".")
        heights = [figure.svg.index(f">{name}<") for name in names]
        assert heights == sorted(heights, reverse=True)  # drawn from below


def test_everything_to_repeat_the_run_is_there(page, metrics):
    assert metrics["command"] in page.prose
    marts = page.table("Marts the run read")
    assert marts[1] == ["pairs", "68,900", "c3" * 32]
    assert page.table("Files of the run")[1] == ["metrics.json", "18.0 kB", "a1" * 32]
    settings = dict(page.table("All resolved settings")[1:])
    assert settings["seed"] == "20260107"  # a seed is no count
    assert settings["models.gru.optimiser.learning_rate"] == "0.0005"
    assert ["torch", "2.13.0"] in page.table("Software used")


def test_same_folder_same_page(metrics, tmp_path):
    folder = write_run(tmp_path / "run", small_metrics(metrics))
    script = "import sys, pathlib; from training.report.page import render; "
    script += "sys.stdout.reconfigure(encoding='utf-8'); "
    script += "print(render(pathlib.Path(sys.argv[1])), end=''); "
    script += "sys.exit('torch' in sys.modules)"
    again = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert again.returncode == 0, again.stderr  # and torch was never imported
    assert again.stdout == render(folder)


def test_missing_parts_are_left_out(metrics, tmp_path):
    small = small_metrics(metrics)
    for key in OPTIONAL:
        del small[key]
    page = Page(render(write_run(tmp_path / "run", small, with_manifest=False)))
    assert page.headings == [
        "Summary",
        "Results on test users",
        "Against the best baseline, GRU",
        "What can be told apart",
        "Training",
        "Data",
        "Repeat this run",
    ]
    assert "None" not in page.prose
    assert "simulated" not in page.prose


def test_a_single_test_user_gives_no_interval_and_a_caution(metrics, tmp_path):
    small = small_metrics(metrics, n_test_users=1, n_test_queries=10)
    for block in small["models"].values():
        block["ci95"] = dict.fromkeys(block["test"])
        for gap in (block["vs_best_baseline"] or {}).values():
            gap["ci95"] = None
    page = Page(render(write_run(tmp_path / "run", small)))
    assert "on 10 queries of 1 test user." in page.prose
    assert (
        "Cannot be told apart from GRU, the best baseline by validation: Random"
        in page.prose
    )
    assert "fewer than 40 test users" in page.prose
    assert "--repeat-splits 20" in page.prose
    assert page.table("Test metrics")[1][3].count("–") == 0


def test_metrics_of_another_family_are_shown_without_knowing_them(tmp_path):
    models = {
        name: {"title": name.upper(), "test": {"gain": value}, "ci95": {"gain": None}}
        for name, value in (("one", 0.7), ("other", 0.65))
    }
    metrics = {"run_id": "r", "mart": "unknown", "dataset": "d", "models": models}
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = Page(render(folder))
    assert page.headings == ["Results on test users"]
    assert page.table("Test metrics")[1:] == [["ONE", "0.700"], ["OTHER", "0.650"]]


def test_names_from_data_cannot_become_markup(metrics, tmp_path):
    evil = "<script>alert(1)</script>&\"'"
    small = small_metrics(
        metrics, dataset=evil, command=f"moocmeta-train --mart {evil}"
    )
    small["models"]["gru"]["title"] = evil
    page = Page(render(write_run(tmp_path / "run", small)))
    assert "script" not in page.tags
    assert page.open_tags == []
    assert evil in page.prose
    assert evil in page.figures[0]["label"]


def test_writing_renews_the_pages_line_in_the_manifest(metrics, tmp_path):
    folder = write_run(tmp_path / "run", small_metrics(metrics))
    path = write_report(folder)
    first = path.read_text(encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["artifacts"]["report.html"] == {
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }
    # the page does not show its own fingerprint, so writing again changes nothing
    assert write_report(folder).read_text(encoding="utf-8") == first
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json", "manifest.json", "metrics.json", "report.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no finished run"),
        ("{", "cannot read .*metrics.json"),
        ("[]", "does not hold one JSON object"),
        ('{"run_id": "r", "models": {}}', "holds no models"),
        ('{"models": {"gru": {}}}', "nothing of how gru did"),
        ('{"models": {"gru": {"test": {}}}, "family": "x"}', "family x .* version"),
    ],
)
def test_a_damaged_folder_is_the_users_to_mend(content, message, tmp_path):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()

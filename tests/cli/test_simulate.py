"""`moocmeta simulate` as a user runs it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from training.commands.simulate import simulate_command
from training.simulate import catalog


def simulate(*args: str | Path) -> Result:
    return CliRunner().invoke(simulate_command, [str(arg) for arg in args])


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_without_a_data_set_all_are_written(tmp_path):
    result = simulate("--out", tmp_path, "--users", "3")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "ad_events",
        "assistments_2009",
        "edm_cup_2023",
        "mars",
        "xuetangx",
    ]
    for part in ("raw", "truth"):
        written = {path.name for path in (tmp_path / part).iterdir()}
        assert written == set(catalog.DATASETS)  # and no leftovers


def test_summary_line_names_the_counts_and_the_folders(tmp_path):
    result = simulate("xuetangx", "--out", tmp_path, "--users", "2", "--quiet")
    assert result.stdout.count("\n") == 1
    assert " of 2 users in " in result.stdout
    assert str(tmp_path / "raw" / "xuetangx") in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("form", "names"), [("flat", ["events.parquet"]), ("native", ["events.json"])]
)
def test_form_decides_the_raw_file(tmp_path, form, names):
    simulate("xuetangx", "--out", tmp_path, "--users", "2", "--form", form)
    assert [p.name for p in (tmp_path / "raw" / "xuetangx").iterdir()] == names


def test_seed_changes_the_data(tmp_path):
    for seed in ("1", "2"):
        simulate("mars", "--out", tmp_path / seed, "--users", "30", "--seed", seed)
    assert files(tmp_path / "1" / "raw") != files(tmp_path / "2" / "raw")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--users", "3", "--events", "4"], "exclude each other"),
        (["--users", "0"], "--users"),
        (["--form", "xml"], "--form"),
        (["moodle"], "'edm_cup_2023', 'mars', 'xuetangx'"),
        (["--set", "effect=0"], "--set needs DATASET"),
        (["ad_events", "--set", "effect"], "write KEY=NUMBER"),
        (["ad_events", "--set", "effect=none"], "write KEY=NUMBER"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_wrong_usage(tmp_path, args, named):
    result = simulate(*args, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert named in result.stderr
    assert not (tmp_path / "out").exists()


def test_settings_change_the_process(tmp_path):
    settings = ["--set", "effect=0", "--set", "effect_slope=0", "--set", "max_steps=3"]
    result = simulate("ad_events", "--out", tmp_path, "--users", "50", *settings)
    assert result.exit_code == 0, result.output
    assert "impressions with their true effect" in result.stdout
    truth = tmp_path / "truth" / "ad_events"
    assert json.loads((truth / "parameters.json").read_text())["max_steps"] == 3
    effects = json.loads((truth / "effects.json").read_text())
    assert effects["population"]["ate"] == effects["sample"]["att"] == 0


@pytest.mark.parametrize(
    ("dataset", "setting", "named"),
    [
        ("mars", "effect=0", "mars has no settings"),
        ("ad_events", "efect=0", "unknown key efect; known: effect, effect_slope"),
        ("ad_events", "order_weight=2", "order_weight must lie in [0, 1]"),
        ("ad_events", "max_steps=2.5", "max_steps"),
        ("ad_events", "effect=0.9", "choose smaller ones"),
        ("ad_events", "effect=nan", "--set"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(tmp_path, dataset, setting, named):
    result = simulate(dataset, "--out", tmp_path / "out", "--set", setting)
    assert result.exit_code == 1
    assert named in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "raw" / dataset).exists()


def test_out_is_required():
    assert simulate("mars").exit_code == 2


def test_an_earlier_simulation_is_replaced(tmp_path):
    simulate("mars", "--out", tmp_path, "--users", "30", "--seed", "1")
    before = files(tmp_path)
    assert simulate("mars", "--out", tmp_path, "--users", "20").exit_code == 0
    assert files(tmp_path) != before


@pytest.mark.parametrize("is_simulated_first", [True, False])
def test_real_data_are_never_replaced(tmp_path, is_simulated_first):
    if is_simulated_first:
        simulate("mars", "--out", tmp_path, "--users", "30")
    real = tmp_path / "raw" / "mars" / "explicit_ratings_es.csv"
    real.parent.mkdir(parents=True, exist_ok=True)
    real.write_text("user_id\n1\n")
    before = files(tmp_path)
    result = simulate("mars", "--out", tmp_path, "--users", "20")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert str(real) in result.stderr
    assert "--out" in result.stderr
    assert files(tmp_path) == before


def test_a_changed_simulated_file_counts_as_real(tmp_path):
    simulate("mars", "--out", tmp_path, "--users", "30")
    path = tmp_path / "raw" / "mars" / "explicit_ratings_en.csv"
    path.write_text(path.read_text() + "1,2,100,2020-01-01 00:00:00,10\n")
    assert simulate("mars", "--out", tmp_path, "--users", "30").exit_code == 1


def test_unwritable_out_is_one_line(tmp_path):
    in_the_way = tmp_path / "raw"
    in_the_way.write_text("a file where a folder must be")
    result = simulate("mars", "--out", tmp_path, "--users", "3")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "cannot write" in result.stderr


@pytest.mark.parametrize("form", ["flat", "native"])
def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch, form):
    whole = catalog.DATASETS["xuetangx"]

    def interrupted(request):
        whole(request)
        raise KeyboardInterrupt

    monkeypatch.setitem(catalog.DATASETS, "xuetangx", interrupted)
    result = simulate("xuetangx", "--out", tmp_path, "--users", "2", "--form", form)
    assert result.exit_code == 1
    assert files(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []  # no folder on the way there either

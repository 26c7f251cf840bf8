"""`moocmeta trace`: one student's story out of a run's exports."""

import json

import pandas as pd
import pytest

from tests.cli.command_line import Finished, assert_one_line, moocmeta, trained
from tests.cli.tracing_run import EDM, KT, QUICK


def student_of(full: Finished) -> tuple[str, str]:
    """A test user with several answers, and a skill of theirs."""
    state = full.export("sakt_student_state").query("split == 'test'")
    user, skill = state.groupby(["user_id", "skill_key"]).size().idxmax()
    return user, skill


def trace(full: Finished, *options: str):
    return moocmeta("trace", "--out", full.path.parent, *options)


def test_a_trace_joins_answers_mastery_and_item_health(full):
    user, skill = student_of(full)
    result = trace(full, "--user", user, "--skill", skill, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["user_id"], found["split"], found["dataset"]) == (user, "test", EDM)
    state = full.export("sakt_student_state")
    own = state[(state["user_id"] == user) & (state["skill_key"] == skill)]
    steps = found["steps"]
    assert [step["mastery"] for step in steps] == pytest.approx(own["mastery"].tolist())
    assert [step["answered_at"] for step in steps] == [
        at.isoformat() for at in own["answered_at"]
    ]
    items = full.export("item_params").set_index("item_key")
    flags = full.export("item_drift").groupby("item_id")["drift_flag"].max()
    for step in steps:
        item = items.loc[step["item_key"]]
        assert step["difficulty"] == pytest.approx(item["difficulty"])
        assert step["n_responses"] == item["n_responses"]
        assert step["drift_flag"] == flags.get(item["item_id"])


def test_a_trace_without_a_skill_shows_every_answer(full):
    user, _ = student_of(full)
    found = json.loads(trace(full, "--user", user, "--json").stdout)
    predictions = full.export("sakt_predictions").query("user_id == @user")
    times = {step["answered_at"] for step in found["steps"]}
    assert times == {at.isoformat() for at in predictions["answered_at"]}


def test_a_trace_prints_and_draws(full, tmp_path):
    user, _ = student_of(full)
    files = [tmp_path / name for name in ("one.svg", "two.svg", "one.html", "two.html")]
    for plot, page in zip(files[:2], files[2:], strict=True):
        drawn = ("--top", "2", "--plot", str(plot), "--html", str(page))
        result = trace(full, "--user", user, *drawn)
        assert result.exit_code == 0, result.output
        assert f"{user} ({EDM}, test user)" in result.stdout
        assert "the 2 most practised of" in result.stdout
        assert str(plot) in result.stdout and str(page) in result.stdout
    one, two, page, again = (path.read_text(encoding="utf-8") for path in files)
    assert one.lstrip().startswith("<?xml")
    assert (two, again) == (one, page)
    steps = json.loads(trace(full, "--user", user, "--json").stdout)["steps"]
    # skills by the publisher's names, the two most practised drawn, every answer listed
    counts = pd.Series([step["skill"] for step in steps]).value_counts()
    assert all(name.startswith("Skill ") for name in counts.index)
    assert sum(f">{name}<" in one for name in counts.index) == 2
    assert all(name in page for name in counts.index)
    assert all(f"<td>{step['item_key']}" in page for step in steps)
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")


def test_a_page_that_cannot_be_written_is_one_line(full, tmp_path):
    user, _ = student_of(full)
    page = tmp_path / "new" / "story.html"  # a folder that is not there is made
    assert trace(full, "--user", user, "--html", str(page)).exit_code == 0
    below = page / "story.html"  # a file is no folder
    assert_one_line(trace(full, "--user", user, "--html", str(below)), str(below))
    result = trace(full, "--user", user, "--html", "story.svg")
    assert result.exit_code == 2 and "ends in .html" in result.stderr


def test_an_unknown_student_or_skill_is_an_error_not_a_half(full, tmp_path):
    user, _ = student_of(full)
    plot = tmp_path / "never.svg"
    result = trace(full, "--user", "nobody", "--plot", str(plot))
    assert_one_line(result, "--user nobody: no such user", "the nearest are")
    assert_one_line(
        trace(full, "--user", user, "--skill", "algebra of sheep"),
        *("--skill algebra of sheep: no such skill", "the nearest are"),
    )
    assert not plot.exists()


def test_a_skill_the_student_never_met_is_named_with_those_met(full):
    state = full.export("sakt_student_state")
    met = state.groupby("user_id")["skill_key"].agg(set)
    skills = set(state["skill_key"])
    user = next(user for user, own in met.items() if own != skills)
    missing = sorted(skills - met[user])[0]
    result = trace(full, "--user", user, "--skill", missing)
    assert_one_line(result, f"--skill {missing}: user {user} answered nothing")
    assert_one_line(result, *sorted(met[user]))


def test_a_trace_takes_the_latest_run_that_traced(full, tmp_path, built_project):
    out = tmp_path / "runs"
    assert_one_line(
        moocmeta("trace", "--user", "x", "--out", out), "no run", "--mart kt_sequences"
    )
    run = trained(built_project.env, out, *KT, "--model", "item_rate")
    assert_one_line(
        moocmeta("trace", "--user", "x", "--out", out, "--run", run.name),
        *("sakt_student_state.parquet", "--run"),
    )
    user, _ = student_of(full)
    (out / full.path.name).symlink_to(full.path)
    found = moocmeta("trace", "--user", user, "--out", out)
    assert found.exit_code == 0, found.output
    assert f"run {full.path.name}" in found.stdout


def test_a_trace_of_a_run_without_item_parameters_has_no_health(
    tmp_path, built_project
):
    run = trained(built_project.env, tmp_path, *QUICK, "--model", "sakt")
    user = pd.read_parquet(run / "exports/sakt_predictions.parquet")["user_id"][0]
    result = moocmeta("trace", "--user", user, "--out", tmp_path, "--json")
    steps = json.loads(result.stdout)["steps"]
    assert {step["difficulty"] for step in steps} == {None}
    assert moocmeta("trace", "--user", user, "--out", tmp_path).exit_code == 0


def test_a_plot_needs_an_svg_name(full):
    result = trace(full, "--user", "x", "--plot", "story.png")
    assert result.exit_code == 2
    assert "ends in .svg" in result.stderr

"""`moocmeta report` through the command line."""

import json

from click.testing import CliRunner

from tests.unit.report.run_folders import recommendation_metrics, write_run
from training.commands.report import report_command


def report(*args):
    return CliRunner().invoke(report_command, [str(arg) for arg in args])


def small_run(folder):
    metrics = recommendation_metrics(n_users=12)
    metrics["models"] = {name: metrics["models"][name] for name in ("gru", "random")}
    for block in metrics["models"].values():
        block |= {"history": [], "slices": {}}
    return write_run(folder, metrics)


def test_writes_the_latest_run_and_prints_where(tmp_path):
    for run_id in ("20260101-000000-a", "20260102-000000-b"):
        small_run(tmp_path / run_id)
    done = report("--out", tmp_path)
    page = tmp_path / "20260102-000000-b" / "report.html"
    assert (done.exit_code, done.stdout) == (0, f"{page}\n")
    assert "GRU has the highest recall@10" in page.read_text(encoding="utf-8")
    assert not (tmp_path / "20260101-000000-a" / "report.html").exists()
    # by id, and by path
    by_id = report("--run", "20260101-000000-a", "--out", tmp_path)
    assert by_id.exit_code == 0
    by_path = report("--run", tmp_path / "20260101-000000-a", "--out", "elsewhere")
    assert by_path.stdout == by_id.stdout


def test_mistakes_are_one_line(tmp_path):
    nothing = report("--out", tmp_path)
    unknown = report("--run", "nope", "--out", tmp_path)
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.json").write_text(json.dumps({}))
    early = report("--run", unfinished)
    for result in (nothing, unknown, early):
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert "no run nope" in unknown.stderr
    assert "no finished run" in early.stderr
    assert report("--wrong").exit_code == 2

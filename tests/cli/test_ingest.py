import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from tqdm import tqdm

from tests.cli.command_line import assert_one_line, moocmeta
from training import files
from training.commands.ingest import ingest_command
from training.errors import UserError

AT = "2017-02-25T12:34:56"
DOCUMENT = [
    ["课程", {"u": {"s": [["load_video", AT], ["click_about", AT]]}, "empty": {}}],
    ["d", {"u": {"s": [["pause_video", AT]]}, "v": {"t": [["problem_get", AT]]}}],
]


def ingest(*args: object, **env: str):
    arguments = [str(argument) for argument in args]
    return CliRunner().invoke(ingest_command, arguments, env=env)


def files_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "activity.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_learning_events_become_a_flat_file(source, tmp_path):
    out = tmp_path / "data"
    result = ingest("xuetangx", source, "--out", out)
    path = out / "raw" / "xuetangx" / "activity.parquet"
    assert result.exit_code == 0
    assert result.stdout == (
        f"{path}: kept 3 of 4 events (1 rejected), 2 users, 2 courses, 2 sessions\n"
    )
    assert files_under(out) == ["activity.parquet"]
    rows = duckdb.sql(f"select * from '{path}'").fetchall()
    assert [row[:4] for row in rows] == [
        ("课程", "u", "s", "load_video"),
        ("d", "u", "s", "pause_video"),
        ("d", "v", "t", "problem_get"),
    ]
    assert {str(row[4]) for row in rows} == {"2017-02-25 12:34:56"}


def test_the_data_folder_is_the_default_and_every_event_can_be_kept(source, tmp_path):
    data = str(tmp_path / "elsewhere")
    result = ingest("xuetangx", source, "--all-events", MOOCMETA_DATA_DIR=data)
    assert result.exit_code == 0
    assert "kept 4 of 4 events (0 rejected)" in result.stdout
    assert files_under(Path(data) / "raw" / "xuetangx") == ["activity.parquet"]


@pytest.fixture
def on_a_terminal(monkeypatch):
    """Elsewhere no bar is drawn."""

    def bar(*, is_shown: bool, **options):
        return tqdm(disable=not is_shown, **options)

    monkeypatch.setattr("training.ingest.xuetangx.progress_bar", bar)


@pytest.mark.usefixtures("on_a_terminal")
def test_progress_goes_to_stderr_and_can_be_silenced(source, tmp_path):
    assert "B/s" in ingest("xuetangx", source, "--out", tmp_path).stderr
    assert ingest("xuetangx", source, "--out", tmp_path, "--quiet").stderr == ""


@pytest.mark.usefixtures("on_a_terminal")
def test_the_bar_counts_bytes(source, tmp_path):
    size = source.stat().st_size
    assert f"{size}/{size}" in ingest("xuetangx", source, "--out", tmp_path).stderr


def test_an_earlier_output_is_replaced_only_by_a_whole_one(source, tmp_path):
    path = tmp_path / "raw" / "xuetangx" / "activity.parquet"
    ingest("xuetangx", source, "--out", tmp_path)
    before = path.read_bytes()
    source.write_text(json.dumps(DOCUMENT)[:-1])
    assert ingest("xuetangx", source, "--out", tmp_path).exit_code == 1
    assert path.read_bytes() == before
    source.write_text(json.dumps(DOCUMENT[:1]))
    assert ingest("xuetangx", source, "--out", tmp_path).exit_code == 0
    assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (
            b'[["c", {"u": {"s": [["load_video", "2017-13-45T00:00:00"]]}}]]',
            "course 'c', user 'u', session 's': timestamp '2017-13-45T00:00:00'",
        ),
        (b"PK\x03\x04", "byte 0: expected `[`, found 'PK\\x03\\x04'"),
    ],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(tmp_path, content, expected):
    source, out = tmp_path / "bad.json", tmp_path / "data"
    source.write_bytes(content)
    result = ingest("xuetangx", source, "--out", out, "--quiet")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {source}: ")
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
    assert files_under(out) == []


@pytest.mark.usefixtures("on_a_terminal")
@pytest.mark.parametrize("stamp", ["2017", AT + '"x'])
def test_an_error_has_a_line_of_its_own_below_the_bar(tmp_path, stamp):
    source = tmp_path / "bad.json"
    source.write_text(f'[["c", {{"u": {{"s": [["load_video", "{stamp}"]]}}}}]]')
    result = ingest("xuetangx", source, "--out", tmp_path)
    assert "B/s" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"Error: {source}: ")


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_file_that_cannot_be_read(tmp_path, name):
    source, out = tmp_path / name, tmp_path / "data"
    result = ingest("xuetangx", source, "--out", out)
    assert result.exit_code == 1
    assert str(source) in result.stderr
    assert "name the published JSON file" in result.stderr
    assert not out.exists()


def test_an_output_folder_that_cannot_be_written(source):
    result = ingest("xuetangx", source, "--out", source, "--quiet")  # a file
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: cannot write {source}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("mars", "x.json"), ("xuetangx",)])
def test_wrong_usage(arguments):
    assert ingest(*arguments).exit_code == 2


@pytest.mark.parametrize("what", ["moocmeta ingest xuetangx", "--repeat-splits"])
def test_an_install_without_the_dbt_project_says_so(tmp_path, monkeypatch, what):
    """A wheel carries the two packages, not the repository."""
    monkeypatch.setattr(files, "PROJECT_ROOT", tmp_path)
    with pytest.raises(UserError, match="which a wheel does not carry: clone"):
        files.project_root(what)
    if "ingest" in what:
        assert_one_line(moocmeta("ingest", "xuetangx", "log.json"), what)

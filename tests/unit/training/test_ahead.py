"""Which models of a line-up other processes fit, and what becomes of them."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from models_py import registry
from training.fit import ahead
from training.fit.ahead import Ahead
from training.runs import Run

# writes the model's name behind those that were fitted before, then goes as told
NOTES = "import sys; open(sys.argv[1] + '/notes', 'a').write(sys.argv[2] + ' ');"


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path)


@pytest.fixture
def others(monkeypatch):
    """`others(code)`: what another process does instead of fitting."""
    monkeypatch.setattr(ahead, "START_AFTER", 0.0)

    def do(code: str) -> None:
        monkeypatch.setattr(ahead, "COMMAND", (sys.executable, "-c", NOTES + code))

    return do


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen]:
    """The other processes."""
    found, popen = [], subprocess.Popen

    def noted(*args, **options):
        found.append(popen(*args, **options))
        return found[-1]

    monkeypatch.setattr(ahead.subprocess, "Popen", noted)
    return found


def notes_of(run: Run) -> list[str]:
    path = run.path / "notes"
    return path.read_text().split() if path.exists() else []


def wait_for(condition) -> None:
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def test_others_begin_at_the_end_and_leave_the_first_to_this_process(run, others):
    others("")
    with Ahead(run, dict.fromkeys(("gru", "sasrec", "best")), 2) as fits:
        with fits.turn(run.state / "gru"):
            wait_for(lambda: notes_of(run) == ["best", "sasrec"])
        with fits.turn(run.state / "best"):
            pass
    assert notes_of(run) == ["best", "sasrec"]


def test_a_turn_waits_for_the_process_that_fits_the_model(run, others):
    others("import time; time.sleep(0.5); open(sys.argv[1] + '/done', 'w')")
    with Ahead(run, dict.fromkeys(("gru", "best")), 2) as fits:
        wait_for(lambda: notes_of(run) == ["best"])
        with fits.turn(run.state / "best"):
            assert (run.path / "done").exists()


def test_a_model_waits_for_the_network_that_it_adapts(run, others):
    others("")
    bases = {"gru": None, "sasrec": None, "maml_warm": "gru"}
    with Ahead(run, bases, 2) as fits:
        with fits.turn(run.state / "gru"):
            wait_for(lambda: notes_of(run) == ["sasrec"])
        wait_for(lambda: notes_of(run) == ["sasrec", "maml_warm"])


def test_what_waits_for_a_fit_that_failed_is_left_to_this_process(run, others, capsys):
    others("sys.exit(1)")
    with Ahead(run, {"gru": None, "sasrec": None, "anil_warm": "sasrec"}, 2) as fits:
        wait_for(lambda: notes_of(run) == ["sasrec"])
        for name in ("gru", "sasrec", "anil_warm"):
            with fits.turn(run.state / name):
                pass
    assert notes_of(run)[:1] == ["sasrec"]
    told = capsys.readouterr().err
    assert "sasrec: another process did not fit it, this one does\n" in told


def test_a_fit_on_other_data_is_not_waited_for(run, others):
    others("import time; time.sleep(60)")
    with Ahead(run, dict.fromkeys(("gru", "best")), 2) as fits:
        wait_for(lambda: notes_of(run) == ["best"])
        with fits.turn(Path("elsewhere") / "best"):
            pass


def test_other_processes_end_with_this_one(run, others, started):
    others("import time; time.sleep(60)")
    with (
        suppress(KeyboardInterrupt),
        Ahead(run, dict.fromkeys(("gru", "sasrec", "best")), 3),
    ):
        wait_for(lambda: len(notes_of(run)) == 2)
        raise KeyboardInterrupt
    assert [process.returncode for process in started] == [-signal.SIGTERM] * 2


def test_others_can_be_ended_before_what_they_write_to_is_removed(run, others, started):
    others("import time; time.sleep(60)")
    with Ahead(run, {"gru": None, "sasrec": None}, 2) as fits:
        wait_for(lambda: started)
        fits.end()
        assert started[0].poll() is not None
        with fits.turn(run.state / "sasrec"):  # what is left is this process's
            pass


def test_a_process_that_hangs_is_killed(run, others, started, monkeypatch):
    others("")
    code = "import signal, time; signal.signal(15, signal.SIG_IGN);"
    monkeypatch.setattr(
        ahead, "COMMAND", (sys.executable, "-c", code + NOTES + "time.sleep(60)")
    )
    monkeypatch.setattr(ahead, "ENDING", 0.2)
    with Ahead(run, dict.fromkeys(("gru", "best")), 2):
        wait_for(lambda: notes_of(run) == ["best"])
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_the_process_that_fits_one_model_ends_with_the_one_that_started_it(run):
    """Even while it loads: its standard input is over before it began."""
    command = [*ahead.COMMAND, run.path, "gru"]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "UserError" not in ended.stderr
    assert list(run.path.iterdir()) == []


@pytest.mark.parametrize(
    ("quota", "n_cores"), [("max 100000", 4), ("250000 100000", 2), ("5000 100000", 1)]
)
def test_a_containers_share_of_the_cores_counts(tmp_path, quota, n_cores):
    path = tmp_path / "cpu.max"
    path.write_text(quota + "\n")
    assert ahead._cores_granted(path) == n_cores


def test_a_warm_learner_waits_for_its_base_and_counting_models_are_no_fits():
    lineup = ("popularity", "session_knn", "gru", "fine_tune", "anil", "anil_warm")
    settings = {name: registry.CONFIGS[name]() for name in lineup}
    bases = ahead.bases_of(lineup, settings)
    assert bases == {"gru": None, "anil": None, "anil_warm": "gru"}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_model_alone_is_fitted_here(run, others, n_jobs):
    others("")
    with Ahead(run, {"gru": None}, n_jobs) as fits, fits.turn(run.state / "gru"):
        time.sleep(0.1)
    assert notes_of(run) == []

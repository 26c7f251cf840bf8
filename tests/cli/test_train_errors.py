"""What a user gets wrong: one line that says what and what to do, nothing left."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.cli.command_line import (
    MARS,
    SMALL,
    assert_one_line,
    files_under,
    interrupted_after,
    moocmeta,
    train_on,
    trained,
)

POPULARITY = (*MARS, "--model", "popularity")
GRU = (*MARS, *SMALL, "--model", "gru", "--epochs", "2")


# --- options and settings -----------------------------------------------------


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ((), "--mart"),
        (("--mart", "episodes_k2_q3", "--sed", "1"), "No such option"),
        (("--resume", "x", "--seed", "0"), "--resume keeps the run's settings"),
        (("--resume", "x", "--set", "score_chunk=1"), "--resume keeps"),
        (("--resume", "x", "--config", "x.yaml"), "--resume keeps"),
        (("--resume", "x", "--print-config"), "--resume keeps"),
    ],
)
def test_wrong_usage(tmp_path, options, fragment):
    result = train_on({}, tmp_path / "runs", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert fragment in result.stderr
    assert files_under(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--set", "models.gru.hidden_dim=x"), ("hidden_dim", "valid integer")),
        (("--device", "cuda"), ("--device cuda: no CUDA device", "--device cpu")),
        (("--precision", "bf16"), ("--precision bf16 needs a CUDA device",)),
    ],
)
def test_settings_that_do_not_fit(tmp_path, monkeypatch, options, fragments):
    """They are refused before any mart is read."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    no_marts = {"MOOCMETA_DUCKDB": str(tmp_path / "none.duckdb")}
    result = train_on(no_marts, tmp_path / "runs", *POPULARITY, *options)
    assert_one_line(result, *fragments)
    assert files_under(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--tune", "2"), ("--tune 2: popularity has no search space", "gru")),
        (("--tune", "2", "--repeat-splits", "2"), ("--tune", "--repeat-splits")),
        (("--seeds", "2", "--repeat-splits", "2"), ("--seeds", "--repeat-splits")),
        (
            ("--model", "gru", "--set", "models.gru.negatives=99999"),
            ("models.gru: 99999 negatives are more than", "items"),
        ),
    ],
)
def test_what_these_marts_cannot_do(tmp_path, built_project, options, fragments):
    result = train_on(built_project.env, tmp_path / "runs", *POPULARITY, *options)
    assert_one_line(result, *fragments)
    assert files_under(tmp_path) == []


def test_too_few_validation_users_rank_no_settings(tmp_path, edited):
    few = edited(
        "update pairs set split = 'train' where dataset = 'mars' and split = 'val' and "
        "user_id > (select min(user_id) from pairs "
        "where dataset = 'mars' and split = 'val')",
    )
    options = (*MARS, "--model", "markov", "--tune", "2")
    result = train_on(few, tmp_path / "runs", *options)
    assert_one_line(result, "--tune 2: 1 validation users", "add data or leave --tune")


# --- the DuckDB file ----------------------------------------------------------


@pytest.mark.parametrize("name", ["absent.duckdb", "absent/moocmeta.duckdb", "."])
def test_no_duckdb_file(tmp_path, name):
    env = {"MOOCMETA_DUCKDB": str(tmp_path / name)}
    result = train_on(env, tmp_path / "runs", *POPULARITY)
    assert_one_line(result, "does not exist", "`dbt build`", "MOOCMETA_DUCKDB")
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("damage", ["no database", "empty", "cut", "overwritten"])
def test_a_damaged_duckdb_file(tmp_path, built_project, damage):
    whole = built_project.duckdb_path.read_bytes()
    overwritten = bytearray(whole)
    for start in range(50_000, len(whole), 50_000):
        overwritten[start : start + 64] = b"\xff" * 64
    path = tmp_path / "block.duckdb"  # no word of the path is taken for a lock
    path.write_bytes(
        {
            "no database": b"not a database " * 1000,
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "overwritten": bytes(overwritten),
        }[damage]
    )
    env = {"MOOCMETA_DUCKDB": str(path)}
    result = train_on(env, tmp_path / "runs", *POPULARITY)
    assert_one_line(result, str(path), "`dbt build`")
    assert not (tmp_path / "runs").exists()


def test_a_locked_duckdb_file_names_its_holder(tmp_path, edited):
    env = edited()
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, env["MOOCMETA_DUCKDB"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:  # its end closes stdin, and so ends the holder
        assert holder.stdout.readline() == "held\n"
        result = train_on(env, tmp_path / "runs", *POPULARITY)
    assert_one_line(
        result, f"is locked by process {holder.pid}", "wait until it ends or close it"
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("limit", "fragment"),
    [("lots", "MOOCMETA_MEMORY_LIMIT=lots: "), ("1KB", "raise MOOCMETA_MEMORY_LIMIT")],
)
def test_a_limit_of_memory_that_cannot_be(tmp_path, built_project, limit, fragment):
    env = {**built_project.env, "MOOCMETA_MEMORY_LIMIT": limit}
    assert_one_line(train_on(env, tmp_path / "runs", *POPULARITY), fragment)


@pytest.mark.parametrize(
    ("statement", "fragment"),
    [
        ("drop table dataset_funnel", "dataset_funnel"),
        ("alter table pairs drop column prefix_len", "prefix_len"),
    ],
)
def test_marts_of_an_earlier_version(tmp_path, edited, statement, fragment):
    result = train_on(edited(statement), tmp_path / "runs", *POPULARITY)
    assert_one_line(result, "is of another version", fragment, "run `dbt build`")
    assert not (tmp_path / "runs").exists()


# --- the marts ----------------------------------------------------------------


@pytest.mark.parametrize("mart", ["nope", "pairs", "", "episodes_k2_q3; drop table x"])
def test_an_unknown_mart_lists_those_that_exist(tmp_path, built_project, mart):
    result = train_on(built_project.env, tmp_path / "runs", "--mart", mart)
    if not mart:
        assert result.exit_code == 2
        return
    assert_one_line(result, mart, "episodes_k2_q3, episodes_k5_q10")
    assert files_under(tmp_path) == []


def test_a_file_without_marts(tmp_path):
    path = tmp_path / "bare.duckdb"
    duckdb.connect(str(path)).close()
    env = {"MOOCMETA_DUCKDB": str(path)}
    result = train_on(env, tmp_path / "runs", *POPULARITY)
    assert_one_line(result, "has no mart episodes_k2_q3", "none: run `dbt build`")


def test_an_unknown_data_set_lists_those_of_the_mart(tmp_path, built_project):
    options = ("--mart", "episodes_k2_q3", "--dataset", "nope")
    result = train_on(built_project.env, tmp_path / "runs", *options)
    assert_one_line(result, "data set nope", "it has: mars, xuetangx")
    assert files_under(tmp_path) == []


@pytest.mark.parametrize(
    ("split", "purpose"), [("train", "learn from"), ("val", "be chosen by")]
)
def test_models_that_adapt_need_episodes_to_learn_from(
    tmp_path, edited, split, purpose
):
    env = edited(
        f"delete from episodes_k2_q3 where dataset = 'mars' and split = '{split}'",
        "create or replace table episodes_k2_q3 as select * replace (row_number() "
        "over (partition by dataset order by episode_id) - 1 as episode_id) "
        "from episodes_k2_q3",
    )
    result = train_on(env, tmp_path / "runs", *MARS, "--model", "best")
    fragments = (f"no {split} episodes of data set mars for best to {purpose}",)
    assert_one_line(result, *fragments, "do not adapt with --model")
    assert not (tmp_path / "runs").exists()
    assert train_on(env, tmp_path / "runs", *POPULARITY).exit_code == 0


def test_an_inner_loop_that_diverges_is_one_line(tmp_path, built_project):
    options = ("--model", "fine_tune", "--epochs", "1")
    rate = ("--set", "models.fine_tune.inner_rate=1.0e+30")
    result = train_on(built_project.env, tmp_path, *MARS, *options, *rate)
    fragments = ("fine_tune: the inner loop's loss is no number", "rate 1e+30")
    assert_one_line(result, *fragments, "smaller inner_rate")
    (run,) = tmp_path.iterdir()
    assert f"what was fitted before stays in {run}" in result.stderr
    again = train_on(built_project.env, tmp_path, "--resume", run)
    assert_one_line(again, *fragments)


@pytest.mark.parametrize(
    ("method", "inner_rate", "where"),
    [
        ("maml", 1e39, "maml epoch 1, step 1: the inner loop's loss"),
        ("anil", 1e39, "anil epoch 1, step 1: the inner loop's loss"),
        ("meta_sgd", 1e39, "meta_sgd epoch 1, step 1: the inner loop's loss"),
        ("cavia", 1e37, "gradient of cavia epoch 1, step 1 is"),
    ],
)
def test_a_learner_that_diverges_while_it_learns_leaves_the_fits_before(
    tmp_path, built_project, method, inner_rate, where
):
    lineup = ("--model", "gru", "--model", method, "--epochs", "1")
    rate = ("--set", f"models.{method}.inner_rate={inner_rate:.1e}")
    result = train_on(built_project.env, tmp_path, *MARS, *SMALL, *lineup, *rate)
    at = f"at inner rate {inner_rate:g} and learning rate"
    assert_one_line(result, where, at, "choose a smaller inner_rate, or else")
    (run,) = tmp_path.iterdir()
    assert "state/gru.safetensors" in files_under(run)
    assert not (run / "metrics.json").exists()


def test_too_little_memory_is_one_line(tmp_path, built_project, monkeypatch):
    def fail(*args, **options) -> None:
        raise RuntimeError("CPUAllocator: can't allocate memory: 9 bytes\nstack: 1")

    monkeypatch.setattr("models_py.registry.create", fail)
    result = train_on(built_project.env, tmp_path, *GRU)
    said = "too little memory (CPUAllocator: can't allocate memory: 9 bytes)"
    assert_one_line(result, said, "smaller batch_size", "--resume")


def test_several_data_sets_need_a_choice(tmp_path, edited):
    env = edited(
        "update episodes_k2_q3 set dataset = 'other' where dataset = 'xuetangx'"
    )
    result = train_on(env, tmp_path / "runs", "--mart", "episodes_k2_q3")
    assert_one_line(result, "choose one with --dataset: mars, other")


@pytest.mark.parametrize(
    ("changes", "options", "fragments"),
    [
        (
            "update pairs set split = 'val' where split = 'train'",
            ("--mart", "episodes_k2_q3", "--dataset", "mars"),
            ("data set mars has no train pairs to learn from", "add data"),
        ),
        (
            "update episodes_k2_q3 set split = 'val' where split = 'test'",
            ("--mart", "episodes_k2_q3"),  # XuetangX is preferred
            ("no test episodes of data set xuetangx", "mart of shorter episodes"),
        ),
        (
            "delete from episodes_k5_q10",
            ("--mart", "episodes_k5_q10"),
            ("episodes_k5_q10 is empty", "dbt build"),
        ),
        (
            "delete from episodes_k5_q10",
            ("--mart", "episodes_k5_q10", "--dataset", "mars"),
            ("episodes_k5_q10 is empty", "MOOCMETA_DATA_DIR"),
        ),
    ],
)
def test_too_little_data(tmp_path, edited, changes, options, fragments):
    result = train_on(edited(changes), tmp_path / "runs", *options)
    assert_one_line(result, *fragments)
    assert not (tmp_path / "runs").exists()


def test_no_user_to_validate_with(tmp_path, edited):
    env = edited("update pairs set split = 'train' where split = 'val'")
    result = train_on(env, tmp_path / "runs", *POPULARITY)
    assert_one_line(result, "data set mars has no val pairs to stop training by")


# --- the output folder --------------------------------------------------------


@pytest.mark.parametrize("inside", ["", "runs", "deep/runs"])
def test_an_output_folder_that_is_a_file(tmp_path, built_project, inside):
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / inside
    result = train_on(built_project.env, out, *POPULARITY)
    assert_one_line(result, "--out", str(out))
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_folder_that_nobody_may_write(built_project):
    """Permissions do not stop root, the kernel's own file system does."""
    result = train_on(built_project.env, Path("/proc/runs"), *POPULARITY)
    assert_one_line(result, "--out /proc/runs", "choose a writable folder")


@contextmanager
def files_no_larger_than(n_bytes: int) -> Iterator[None]:
    """Every write that would make a larger file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("room", "failed", "left"),
    [
        (100, "config.json", []),
        (3000, "predictions.parquet", ["checkpoints/popularity.safetensors"]),
    ],
)
def test_a_full_disk(tmp_path, built_project, room, failed, left):
    with files_no_larger_than(room):
        result = train_on(built_project.env, tmp_path, *POPULARITY)
    assert_one_line(result, "cannot write", failed, "free some space")
    runs = list(tmp_path.iterdir())
    if not left:
        assert runs == []  # no folder without settings
        return
    (run,) = runs
    assert files_under(run) == sorted([*left, "config.json"])
    resumed = train_on(built_project.env, tmp_path, "--resume", run)
    assert resumed.exit_code == 0, resumed.output
    assert (run / "predictions.parquet").is_file()


def test_a_full_disk_while_a_network_is_fitted(tmp_path, built_project):
    with files_no_larger_than(5000):
        result = train_on(built_project.env, tmp_path, *GRU)
    assert_one_line(result, "cannot write", "state/gru.safetensors", "free some space")
    (run,) = tmp_path.iterdir()
    assert [name for name in files_under(run) if "state" not in name] == ["config.json"]
    assert not [name for name in files_under(run) if name.endswith(".safetensors")]


# --- what an earlier run left -------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory, built_project) -> Path:
    """A finished run."""
    return trained(built_project.env, tmp_path_factory.mktemp("runs"), *POPULARITY)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, built_project) -> Path:
    """A run that was stopped after the first of two epochs."""
    out = tmp_path_factory.mktemp("runs")
    with interrupted_after("gru", epoch=1):
        assert_one_line(train_on(built_project.env, out, *GRU), "--resume")
    (run,) = out.iterdir()
    return run


def damaged_copy(run: Path, into: Path, name: str, damage: str) -> Path:
    copy = Path(shutil.copytree(run, into / run.name))
    content = bytearray((copy / name).read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[-3] ^= 1
    elif damage == "empty":
        content = b""
    (copy / name).write_bytes(content)
    return copy


def test_recommend_from_a_damaged_checkpoint(tmp_path, finished):
    name = "checkpoints/popularity.safetensors"
    run = damaged_copy(finished, tmp_path, name, "cut")
    known = json.loads((run / "vocab.json").read_text())[0]
    result = moocmeta("recommend", "--run", run, "--after", known)
    assert_one_line(result, str(run / name), "is damaged", "train the run again")


def test_recommend_without_its_checkpoint(tmp_path, finished):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(run / "checkpoints")
    known = json.loads((run / "vocab.json").read_text())[0]
    result = moocmeta("recommend", "--run", run, "--after", known)
    assert_one_line(result, "no checkpoint at", "popularity.safetensors")


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_resume_from_a_damaged_state(tmp_path, built_project, interrupted, damage):
    name = "state/gru.safetensors"
    run = damaged_copy(interrupted, tmp_path, name, damage)
    before = files_under(run)
    result = train_on(built_project.env, tmp_path, "--resume", run)
    assert_one_line(result, str(run / name), "is damaged", "delete it")
    assert files_under(run) == before


def test_the_remedy_for_a_damaged_state_works(tmp_path, built_project, interrupted):
    run = Path(shutil.copytree(interrupted, tmp_path / interrupted.name))
    (run / "state" / "gru.safetensors").unlink()
    result = train_on(built_project.env, tmp_path, "--resume", run)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("damage", ["cut", "empty"])
def test_resume_with_damaged_settings(tmp_path, built_project, interrupted, damage):
    run = damaged_copy(interrupted, tmp_path, "config.json", damage)
    result = train_on(built_project.env, tmp_path, "--resume", run)
    assert_one_line(result, str(run / "config.json"), "is damaged")


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"command": None}, "command: Input should be a valid string"),
        ({"inputs": None}, "inputs: Input should be an object"),
        ({"models": {}}, "no settings of gru"),
        ({"config": {"mart": "episodes_k2_q3", "lineup": []}}, "no settings of any"),
    ],
)
def test_resume_with_settings_of_another_form(
    tmp_path, built_project, interrupted, change, fragment
):
    run = Path(shutil.copytree(interrupted, tmp_path / interrupted.name))
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, **change}))
    result = train_on(built_project.env, tmp_path, "--resume", run)
    assert_one_line(
        result, f"{run / 'config.json'} is damaged", fragment, "start a new run"
    )


@pytest.mark.parametrize("inputs", [{}, {"another_mart": {"rows": 1}}])
def test_resume_goes_by_all_marts(tmp_path, built_project, interrupted, inputs):
    run = Path(shutil.copytree(interrupted, tmp_path / interrupted.name))
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "inputs": inputs}))
    result = train_on(built_project.env, tmp_path, "--resume", run)
    assert_one_line(result, "was started on other data", "pairs", *inputs)


def test_a_file_that_a_finished_run_has_lost(tmp_path, finished):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "vocab.json").unlink()
    result = moocmeta("recommend", "--run", run, "--after", "x")
    assert_one_line(result, "vocab.json is gone, though the run finished; restore it")


def test_resume_of_an_unknown_run(tmp_path, built_project, finished):
    result = train_on(built_project.env, finished.parent, "--resume", "nope")
    assert_one_line(result, "no run nope", finished.name)
    result = train_on(built_project.env, tmp_path / "none", "--resume", "nope")
    assert_one_line(result, "none yet")
    assert files_under(tmp_path) == []


def test_resume_after_the_marts_changed(tmp_path, edited, interrupted):
    run = Path(shutil.copytree(interrupted, tmp_path / interrupted.name))
    before = files_under(run)
    env = edited("update pairs set label_ts_epoch = label_ts_epoch + 1")
    result = train_on(env, tmp_path, "--resume", run)
    assert_one_line(result, "other data", "pairs changed", "start a new run")
    assert files_under(run) == before


def test_resume_when_the_data_set_is_gone(tmp_path, edited, interrupted):
    run = Path(shutil.copytree(interrupted, tmp_path / interrupted.name))
    env = edited("delete from episodes_k2_q3 where dataset = 'mars'")
    result = train_on(env, tmp_path, "--resume", run)
    assert_one_line(result, "no rows of data set mars")


@pytest.mark.parametrize(
    "line", [b'{"run_id": "x", \n', b'{"run_id": "x"}\n', b"3\n", b"\xff\n"]
)
def test_a_damaged_index(tmp_path, line):
    (tmp_path / "index.jsonl").write_bytes(line)
    result = moocmeta("runs", "--out", tmp_path)
    assert_one_line(result, str(tmp_path / "index.jsonl"), "is damaged")


def test_no_runs_yet(tmp_path):
    assert_one_line(moocmeta("runs", "--out", tmp_path), "no runs", "moocmeta-train")

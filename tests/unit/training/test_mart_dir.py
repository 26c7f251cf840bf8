"""A folder of marts is refused with one line where it does not keep its promises."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from benchmarks.bench_mart_dir import write_marts
from training.causal import marts as causal
from training.errors import UserError
from training.files import PROJECT_ROOT
from training.marts.columns import FUNNEL, SUMMARY, Columns
from training.marts.opening import open_marts
from training.marts.reader import Reader
from training.recommendation import marts as recommendation
from training.recommendation.marts import load_recommendation
from training.tracing import marts as tracing

MART = "episodes_k5_q10"
N_PAIRS = 240


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_marts(folder, N_PAIRS)
    return folder


def rewrite(folder: Path, mart: str, sql: str) -> None:
    """Replace a mart's rows by those of a query over `mart`."""
    path = folder / mart / "part-00000.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table mart as from '{path}'")
        connection.execute(f"copy ({sql}) to '{path}' (format parquet)")


@pytest.fixture
def changed(tmp_path, made) -> Callable[[str, str], Path]:
    def change(mart: str, sql: str) -> Path:
        folder = Path(shutil.copytree(made, tmp_path / "marts"))
        rewrite(folder, mart, sql)
        return folder

    return change


def load(folder: Path) -> recommendation.RecommendationMarts:
    return load_recommendation(folder, MART, "made")


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert str(folder) in text
    assert "export" in text
    return text


@pytest.mark.parametrize(
    ("mart", "sql", "fragment"),
    [
        ("pairs", "from mart where pair_id <> 17", "pair_id 17 is missing"),
        ("pairs", "from mart where pair_id > 2", "pair_id 0 is missing"),
        ("pairs", "from mart union all from mart", "pair_id 0 stands twice"),
        (
            "pairs",
            "from mart union all from mart where pair_id = 9",
            "pair_id 9 stands twice",
        ),
        (
            "pairs",
            "from mart where pair_id < 200",
            "pair_ids holds 214, but mart pairs has 200 rows, numbered from 0",
        ),
        ("vocab", "from mart where item_id <> 3", "item_id 3 is missing"),
        ("vocab", "from mart where item_id < 3", "but mart vocab has 3 rows"),
        (MART, "from mart where split <> 'val'", "episode_id 60 is missing"),
        ("sessions", "from mart union all from mart", "stands twice"),
        ("dataset_summary", "from mart union all from mart", "split = all stands"),
        ("sessions", "from mart limit 0", "it has no rows of data set made"),
        (MART, "from mart limit 0", "it has no rows"),
    ],
)
def test_rows_that_are_lost_or_doubled_are_named(changed, mart, sql, fragment):
    text = refused(changed(mart, sql))
    assert fragment in text
    assert "one export a folder: `dbt run-operation export_marts" in text


@pytest.mark.parametrize(
    ("mart", "change", "fragment"),
    [
        ("pairs", "null::varchar as split", "column split holds null"),
        ("pairs", "'holdout' as split", "split holds 'holdout', none of train, val"),
        ("pairs", "label::varchar as label", "label is string, not whole numbers"),
        ("pairs", "label + 0.5::double as label", "label is double, not whole"),
        ("pairs", "nullif(label, 8) as label", "column label holds null"),
        ("pairs", "-1 as label", "column label holds -1, but mart vocab has"),
        ("pairs", "null::varchar as sequence_id", "sequence_id holds null"),
        ("pairs", "[null::int] as prefix", "column prefix holds null"),
        ("pairs", "label as prefix", "not lists of whole numbers"),
        (
            "pairs",
            "'nan'::double as session_reliability",
            "session_reliability holds NaN",
        ),
        ("vocab", "in_train::int as in_train", "in_train is int32, not true or false"),
        (
            MART,
            "support_pair_ids[:5 - episode_id % 2] as support_pair_ids",
            "support_pair_ids holds lists of 5 and of 4",
        ),
        (MART, "null::varchar as dataset", "column dataset holds null"),
        (MART, "2009 as dataset", "column dataset holds 2009, which is no text"),
    ],
)
def test_values_that_break_the_promise_are_named(changed, mart, change, fragment):
    text = refused(changed(mart, f"select * replace ({change}) from mart"))
    assert fragment in text


def test_wider_and_narrower_numbers_are_read(changed, made):
    folder = changed(
        "pairs",
        "select * replace (label::bigint as label, pair_id::int as pair_id, "
        "prefix::ubigint[] as prefix) from mart",
    )
    ours, theirs = load(folder), load(made)
    assert ours.pairs.prefixes.values.equal(theirs.pairs.prefixes.values)
    assert ours.pairs.label.equal(theirs.pairs.label)


def test_a_duckdb_file_is_refused_alike(tmp_path, made):
    path = tmp_path / "marts.duckdb"
    with duckdb.connect(str(path)) as connection:
        for folder in made.iterdir():
            rows = f"from '{folder}/*.parquet'"
            connection.execute(f"create table {folder.name} as {rows}")
    assert load(path).fingerprints == load(made).fingerprints
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from pairs where pair_id = 17")
    with pytest.raises(UserError, match=r"pair_id 17 is missing; run `dbt build`$"):
        load(path)


def test_only_folders_below_the_mart_are_columns(tmp_path, made):
    """`dt` and `split` above the marts are the lake's; `dataset` below is ours."""
    folder = tmp_path / "dt=2026-01-01" / "split=train" / "dataset=other" / "marts"
    shutil.copytree(made, folder)
    (folder / "pairs" / "dataset=made").mkdir()
    (folder / "pairs" / "part-00000.parquet").rename(
        folder / "pairs" / "dataset=made" / "part-00000.parquet"
    )
    (folder / "sessions" / "dataset=made").mkdir()
    rewrite(folder, "sessions", "select * exclude (dataset) from mart")
    (folder / "sessions" / "part-00000.parquet").rename(
        folder / "sessions" / "dataset=made" / "part-00000.parquet"
    )
    ours, theirs = load(folder), load(made)
    assert ours.fingerprints == theirs.fingerprints
    assert list(ours.summary[0]) == list(SUMMARY)


def test_files_laid_out_in_two_ways_are_refused(changed):
    folder = changed("pairs", "from mart")
    (folder / "pairs" / "dataset=made").mkdir()
    path = folder / "pairs" / "part-00000.parquet"
    shutil.copy(path, folder / "pairs" / "dataset=made" / "a.parquet")
    with pytest.raises(UserError, match=r"pairs: some files lie in folders such as"):
        load(folder)


def test_a_folder_may_bear_the_characters_of_patterns(tmp_path, made):
    folder = Path(shutil.copytree(made, tmp_path / "marts[v2] *?"))
    (tmp_path / "martsv").mkdir()
    assert load(folder).fingerprints == load(made).fingerprints


def test_times_with_a_zone_are_those_of_utc(tmp_path, monkeypatch):
    """Plain Spark writes them so; the machine's own zone does not matter."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    columns: Columns = {"n": tracing.ROW_NUMBER, "answered_at": tracing.TIME}
    kinds = ("timestamp", "timestamptz", "timestamp_ms", "timestamp_ns")
    found = []
    for kind in kinds:
        (tmp_path / kind / "made").mkdir(parents=True)
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            time = f"'2024-03-04 05:06:07.125'::{kind} as answered_at"
            path = tmp_path / kind / "made" / "a.parquet"
            connection.execute(
                f"copy (select 'd' as dataset, 0 as n, {time}) to '{path}'"
            )
        with open_marts(tmp_path / kind) as connection:
            reader = Reader(connection, tmp_path / kind, "d")
            rows = reader.table("made", columns, "n")
        found.append((rows["answered_at"].to_pylist(), reader.fingerprints))
    assert found[0][0][0].isoformat() == "2024-03-04T05:06:07.125000"
    assert found.count(found[0]) == len(kinds)


# --- the contracts ------------------------------------------------------------

READ = {
    "pairs": recommendation.PAIRS,
    "episodes_k5_q10": recommendation.EPISODES,
    "vocab": recommendation.VOCAB | tracing.VOCAB,
    "sessions": recommendation.SESSIONS | tracing.SESSIONS,
    "dataset_summary": SUMMARY,
    "dataset_funnel": FUNNEL,
    "responses": tracing.RESPONSES,
    "response_features": tracing.HISTORIES,
    "kt_sequences": tracing.SEQUENCES,
    "skills": tracing.SKILLS,
    "causal_vocab": causal.VOCAB,
    "causal_trials": causal.TRIALS,
    "causal_audit": causal.AUDIT,
}
KINDS = {
    "varchar": "text",
    "integer": "whole numbers",
    "bigint": "whole numbers",
    "double": "floating-point numbers",
    "boolean": "true or false",
    "timestamp": "times",
}


@pytest.mark.parametrize("mart", READ)
def test_what_is_promised_is_what_the_contract_says(mart):
    files = (PROJECT_ROOT / "dbt_project/models/marts").glob("*/*__models.yml")
    (described,) = (
        model["columns"]
        for file in files
        for model in yaml.safe_load(file.read_text())["models"]
        if model["name"] == mart
    )
    contract = {column["name"]: column for column in described}
    for name, column in READ[mart].items():
        said = contract[name]
        kind = said["data_type"]
        assert column.kind == KINDS[kind.replace("[]", "")], name
        assert column.depth == kind.count("[]"), name
        rules = [rule["type"] for rule in said.get("constraints", [])]
        assert column.may_be_null == ("not_null" not in rules), name

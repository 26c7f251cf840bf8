"""`moocmeta export`: a data set's marts as the notebooks' files."""

import json
import resource
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import Result

from tests.cli.command_line import assert_one_line, files_under, moocmeta
from training.files import sha256_of

SPLITS = ("train", "val", "test")
FILES = [
    "manifest.json",
    "report.json",
    "sessions/events_sessionized.parquet",
    "sessions/sessions.parquet",
    "vocab/course2id.json",
    "vocab/id2course.json",
    *(f"user_splits/users_{split}.json" for split in SPLITS),
    *(f"pairs/pairs_{split}.parquet" for split in SPLITS),
    *(
        f"episodes/episodes_{split}_{shape}.parquet"
        for split in SPLITS
        for shape in ("K2_Q3", "K5_Q10")
    ),
]


@pytest.fixture
def export(built_project) -> Callable[..., Result]:
    """`export(dataset, out)` → result."""
    return lambda dataset, out: moocmeta(
        "export", "--dataset", dataset, "--out", out, **built_project.env
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, built_project) -> Path:
    """MARS, exported."""
    out = tmp_path_factory.mktemp("export") / "mars"
    options = ("--dataset", "mars", "--out", out)
    result = moocmeta("export", *options, **built_project.env)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.stdout == f"mars: {len(FILES)} files in {out}\n"
    return out


@pytest.fixture(scope="module")
def marts(built_project) -> duckdb.DuckDBPyConnection:
    """The built marts, read-only."""
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as connection:
        yield connection


def read_json(folder: Path, name: str):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_every_file_is_there_and_no_other(folder):
    assert files_under(folder.parent) == sorted(f"mars/{name}" for name in FILES)


def test_the_manifest_has_every_file_with_its_hash(folder):
    manifest = read_json(folder, "manifest.json")
    assert set(manifest["artifacts"]) == set(FILES) - {"manifest.json"}
    for name, entry in manifest["artifacts"].items():
        path = folder / name
        assert entry == {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def test_the_vocabulary_and_its_inverse(folder, marts):
    to_id = read_json(folder, "vocab/course2id.json")
    assert (
        list(to_id.items())
        == marts.sql(
            "select item_key, item_id from vocab where dataset = 'mars' "
            "order by item_id"
        ).fetchall()
    )
    to_key = read_json(folder, "vocab/id2course.json")
    assert to_key == {str(number): key for key, number in to_id.items()}


def rows_of_file(path: Path, columns: str = "*") -> list[tuple]:
    return duckdb.sql(f"select {columns} from read_parquet('{path}')").fetchall()


@pytest.mark.parametrize("split", SPLITS)
def test_the_users_and_pairs_of_a_split(folder, marts, split):
    of_split = f"where dataset = 'mars' and split = '{split}'"
    query = f"select user_id from user_splits {of_split} order by user_id"
    users = [user_id for (user_id,) in marts.sql(query).fetchall()]
    assert read_json(folder, f"user_splits/users_{split}.json") == users
    pairs = marts.sql(f"select * from pairs {of_split} order by pair_id").fetchall()
    assert rows_of_file(folder / "pairs" / f"pairs_{split}.parquet") == pairs
    assert users and pairs


def test_the_sessions(folder, marts):
    expected = marts.sql(
        "select * from sessions where dataset = 'mars' order by user_id, session_id"
    ).fetchall()
    assert rows_of_file(folder / "sessions" / "sessions.parquet") == expected


def test_the_events_with_their_sessions(folder, marts):
    """Every event of the data set, in its session, with the length of that."""
    found = rows_of_file(
        folder / "sessions" / "events_sessionized.parquet",
        "user_id, session_id, pos_in_sess, course_id, ts_epoch, sess_len, item_id",
    )
    events = marts.sql(
        "select user_id, session_id, pos_in_session, item_key, ts_epoch from events "
        "where dataset = 'mars' order by user_id, session_id, pos_in_session"
    ).fetchall()
    assert [row[:5] for row in found] == events
    lengths: dict[str, int] = {}
    for _, session_id, *_ in events:
        lengths[session_id] = lengths.get(session_id, 0) + 1
    to_id = read_json(folder, "vocab/course2id.json")
    for _, session_id, _, course, _, length, item_id in found:
        assert (length, item_id) == (lengths[session_id], to_id[course])


@pytest.mark.parametrize(("k", "q"), [(2, 3), (5, 10)])
def test_the_episodes_carry_their_pairs(folder, marts, k, q):
    pairs = {
        pair_id: (prefix, label)
        for pair_id, prefix, label in marts.sql(
            "select pair_id, prefix, label from pairs where dataset = 'mars'"
        ).fetchall()
    }
    for split in SPLITS:
        expected = marts.execute(
            f"select episode_id, support_pair_ids, query_pair_ids "
            f"from episodes_k{k}_q{q} where dataset = 'mars' and split = ? "
            "order by episode_id",
            [split],
        ).fetchall()
        found = rows_of_file(
            folder / "episodes" / f"episodes_{split}_K{k}_Q{q}.parquet",
            "episode_id, support_pair_ids, query_pair_ids, support_prefixes, "
            "support_labels, query_prefixes, query_labels, n_support, n_query",
        )
        assert [row[:3] for row in found] == expected
        for _, support, query, *parts, n_support, n_query in found:
            wanted = [
                [pairs[pair_id][part] for pair_id in ids]
                for ids in (support, query)
                for part in (0, 1)
            ]
            assert parts == wanted
            assert (n_support, n_query) == (k, q)


def test_the_report_is_of_this_data_set(folder, marts):
    report = read_json(folder, "report.json")
    assert report["dataset"] == "mars"
    assert {row["dataset"] for row in report["summary"]} == {"mars"}
    expected = marts.sql(
        "select split, n_users, n_events, n_pairs from dataset_summary "
        "where dataset = 'mars' order by split"
    ).fetchall()
    keys = ("split", "n_users", "n_events", "n_pairs")
    assert [tuple(row[key] for key in keys) for row in report["summary"]] == expected


def test_twice_the_same_bytes(tmp_path, folder, export):
    assert export("mars", tmp_path / "again").exit_code == 0
    again = read_json(tmp_path / "again", "manifest.json")
    assert again == read_json(folder, "manifest.json")


def test_an_earlier_export_is_replaced(tmp_path, export):
    out = tmp_path / "export"
    out.mkdir()  # an empty folder is taken
    for dataset in ("xuetangx", "mars"):
        assert export(dataset, out).exit_code == 0
        assert files_under(out) == sorted(FILES)
    assert files_under(tmp_path) == sorted(f"export/{name}" for name in FILES)
    assert read_json(out, "report.json")["dataset"] == "mars"


def test_the_current_folder_can_be_the_target(tmp_path, export, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert export("mars", ".").exit_code == 0
    assert files_under(tmp_path) == sorted(FILES)


@pytest.mark.parametrize("name", ["thesis.txt", "manifest.json"])
def test_a_folder_with_other_files_is_refused(tmp_path, export, name):
    (tmp_path / name).write_text('{"mine": true}')
    result = export("mars", tmp_path)
    assert_one_line(result, f"--out {tmp_path} holds other files", "empty folder")
    assert (tmp_path / name).read_text() == '{"mine": true}'
    assert files_under(tmp_path) == [name]


def test_files_of_others_are_not_replaced_with_an_earlier_export(tmp_path, export):
    out = tmp_path / "export"
    export("mars", out)
    (out / "notes.txt").write_text("mine")
    assert_one_line(export("mars", out), "holds notes.txt too", "no export wrote")
    assert files_under(out) == sorted([*FILES, "notes.txt"])


def test_a_full_disk_keeps_the_earlier_export(tmp_path, export):
    out = tmp_path / "export"
    export("mars", out)
    before = read_json(out, "manifest.json")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        result = export("xuetangx", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_one_line(result, "cannot write", str(out), "free some space")
    assert files_under(tmp_path) == sorted(f"export/{name}" for name in FILES)
    assert read_json(out, "manifest.json") == before


def test_mistakes(tmp_path, export):
    out = tmp_path / "export"
    assert_one_line(export("nope", out), "--dataset nope", "mars, xuetangx")
    absent = {"MOOCMETA_DUCKDB": str(tmp_path / "absent.duckdb")}
    result = moocmeta("export", "--dataset", "mars", "--out", out, **absent)
    assert_one_line(result, "absent.duckdb does not exist", "`dbt build`")
    (tmp_path / "file").write_text("")
    assert export("mars", tmp_path / "file").exit_code == 2
    assert_one_line(export("mars", tmp_path / "file" / "in"), "cannot write")
    assert moocmeta("export", "--out", out).exit_code == 2
    assert files_under(tmp_path) == ["file"]


def test_recbole_reads_the_pairs_of_each_split(tmp_path):
    """By its rules: tabs part fields, blanks the tokens of a list; name:type above."""
    database = tmp_path / "marts.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table user_splits as select 'd' as dataset")
        connection.execute(
            "create table vocab as select 'd' as dataset, * from (values "
            "(0, 'a b'), (1, 'c%20'), (2, 'é'), (3, 'x' || chr(9))) "
            "as v(item_id, item_key)"
        )
        connection.execute(
            "create table pairs as select 'd' as dataset, * from (values "
            "(0, 'u 1', 'train', [0, 1], 2, 7), (1, 'u 1', 'train', [0, 1, 2], 3, 9), "
            "(2, 'v', 'val', [2], 0, 5), (3, 'w', 'test', [3, 3], 1, 6)) "
            "as p(pair_id, user_id, split, prefix, label, label_ts_epoch)"
        )
    out = tmp_path / "out"
    (out / "another").mkdir(parents=True)  # data set, exported before
    options = ("--dataset", "d", "--form", "recbole", "--out", out)
    result = moocmeta("export", *options, MOOCMETA_DUCKDB=str(database))
    assert result.exit_code == 0, result.output
    assert (out / "another").is_dir()
    found = {}
    for split in ("train", "valid", "test"):
        text = (out / "d" / f"d.{split}.inter").read_text(encoding="utf-8")
        header, *rows = [line.split("\t") for line in text.splitlines()]
        kinds = dict(column.split(":") for column in header)
        assert kinds["item_id_list"] == "token_seq" and kinds["timestamp"] == "float"
        found[split] = [dict(zip(kinds, row, strict=True)) for row in rows]
    assert [row["item_id_list"].split(" ") for row in found["train"]] == [
        ["a%20b", "c%2520"],
        ["a%20b", "c%2520", "é"],
    ]
    assert [row["item_id"] for row in found["train"]] == ["é", "x%09"]
    assert found["valid"][0]["user_id"] == "v"
    assert found["test"] == [
        {
            "session_id": "3",
            "user_id": "w",
            "item_id_list": "x%09 x%09",
            "item_id": "c%2520",
            "timestamp": "6",
        }
    ]

"""The benchmark's slow side does the same work as the marts."""

import importlib.util
import random
from pathlib import Path

import pytest

from tests.reference.compare import first_difference
from tests.reference.logs import seeded_log
from tests.reference.marts import marts
from tests.reference.raw_files import write_flat_parquet
from tests.reference.sessions import XUETANGX, xuetangx_events

# benchmarks are scripts, not a package
SCRIPT = Path(__file__).parents[3] / "benchmarks" / "pandas_pipeline.py"
spec = importlib.util.spec_from_file_location("pandas_pipeline", SCRIPT)
pandas_pipeline = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pandas_pipeline)


@pytest.fixture(scope="module")
def log():
    return seeded_log(seed=3, n_users=60).xuetangx


@pytest.fixture(scope="module")
def expected(log):
    return marts(xuetangx_events(log), XUETANGX)


@pytest.mark.parametrize("time_type", ["timestamp[us]", "timestamp[ns]"])
def test_tables_equal_the_reference(time_type, log, expected, tmp_path):
    path = tmp_path / "flat.parquet"
    write_flat_parquet(path, log, random.Random(0), time_type)
    tables = pandas_pipeline.build_tables(path)
    for name, table in tables.items():
        assert len(table) == len(expected[name]) > 0, name
    for name in ("pairs", "episodes_k5_q10", "episodes_k2_q3"):
        rows = tables[name].assign(dataset="xuetangx").to_dict("records")
        assert first_difference(name, expected[name], rows) is None
    sessions = tables["sessions"].set_index("session_id")
    for row in expected["sessions"]:
        found = sessions.loc[row["session_id"]]
        for column in ("split", "duration_sec", "n_items", "main_item_key"):
            assert found[column] == row[column]
        assert found["reliability"] == pytest.approx(row["reliability"], rel=1e-12)


def test_counts_are_the_lengths_of_the_tables(log, expected, tmp_path):
    path = tmp_path / "flat.parquet"
    write_flat_parquet(path, log, random.Random(0), "timestamp[us]")
    counts = pandas_pipeline.run_pipeline(path)
    assert counts == {name: len(expected[name]) for name in counts}

"""Data sets that share one DuckDB file do not touch each other."""

import shutil

import pytest

from tests.conftest import build
from tests.reference.compare import KEYS, MAKE_THESE, differences, read_marts
from tests.reference.logs import seeded_log
from tests.reference.marts import Marts
from tests.reference.raw_files import write_log

DATASETS = ("mars", "xuetangx")


@pytest.fixture(scope="module")
def marts(tmp_path_factory) -> dict[str, Marts]:
    """Marts of both data sets together and of each alone, by what was there.

    The logs share user and item ids.
    """
    scratch = tmp_path_factory.mktemp("two_data_sets")
    both = write_log(scratch / "both", seeded_log(seed=41, n_users=60), n_files=2)
    folders = {"both": both}
    for dataset in DATASETS:
        folders[dataset] = scratch / dataset
        shutil.copytree(both / "raw" / dataset, folders[dataset] / "raw" / dataset)
    return {
        name: read_marts(build(folder, folder, *MAKE_THESE).duckdb_path)
        for name, folder in folders.items()
    }


def rows_of(marts: Marts, dataset: str) -> Marts:
    return {
        mart: [row for row in marts[mart] if row["dataset"] == dataset] for mart in KEYS
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_each_is_the_same_with_the_other_and_without(marts, dataset):
    alone, beside = marts[dataset], rows_of(marts["both"], dataset)
    assert all(alone.values())  # so the tests below compare something
    found = differences(alone, beside)
    assert not found, found


@pytest.mark.parametrize("dataset", DATASETS)
def test_alone_there_is_nothing_of_the_other(marts, dataset):
    for mart in KEYS:
        assert {row["dataset"] for row in marts[dataset][mart]} == {dataset}, mart


def test_the_logs_do_share_ids(marts):
    """Or the tests above would show nothing."""
    for mart, key in (("user_splits", "user_id"), ("vocab", "item_key")):
        of = [{row[key] for row in marts[dataset][mart]} for dataset in DATASETS]
        assert len(of[0] & of[1]) > 3, mart

"""The committed sample data are what `moocmeta simulate` writes with its defaults."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from training.commands.simulate import simulate_command
from training.files import PROJECT_ROOT
from training.simulate.catalog import DATASETS

SAMPLE_DATA = PROJECT_ROOT / "sample_data"


@pytest.fixture(scope="module")
def again(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("again")
    result = CliRunner().invoke(simulate_command, ["--out", str(out), "--quiet"])
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.parametrize("dataset", sorted(DATASETS))
@pytest.mark.parametrize("part", ["raw", "truth"])
def test_sample_data_can_be_made_again(again, dataset, part):
    committed = SAMPLE_DATA / part / dataset
    names = sorted(path.name for path in committed.iterdir())
    assert names == sorted(path.name for path in (again / part / dataset).iterdir())
    for name in names:
        compare(committed / name, again / part / dataset / name)


def compare(committed: Path, made: Path) -> None:
    """Equal but for the last bits of floats and the library that wrote a file."""
    if committed.suffix == ".parquet":
        pd.testing.assert_frame_equal(
            pd.read_parquet(committed), pd.read_parquet(made), rtol=1e-5
        )
    elif committed.suffix == ".json":
        one, other = (flat(json.loads(path.read_text())) for path in (committed, made))
        assert one == pytest.approx(other)
    else:
        assert committed.read_bytes() == made.read_bytes()


def flat(value: Any, name: str = "") -> dict:
    """Nested JSON as one level; without the sizes of compressed files."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {name: value}
    parts = [flat(v, f"{name}.{k}") for k, v in value.items() if k != "raw_files"]
    return {key: v for part in parts for key, v in part.items()}


def test_sample_data_are_small():
    sizes = [path.stat().st_size for path in SAMPLE_DATA.rglob("*") if path.is_file()]
    assert sum(sizes) < 4_000_000


def test_most_users_can_be_learnt_from():
    pairs = pd.read_parquet(SAMPLE_DATA / "truth" / "xuetangx" / "pairs.parquet")
    n_pairs = pairs.groupby("user_id").size()
    assert (n_pairs >= 15).mean() > 0.8
    assert np.isclose(len(n_pairs), 1000, atol=10)

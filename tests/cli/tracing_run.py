"""A finished run of knowledge tracing, as tests look at it."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

KT = ("--mart", "kt_sequences")
EDM = "edm_cup_2023"  # the mart's default data set
QUICK = (*KT, "--epochs", "2", "--set", "models.sakt.dim=8")


@dataclass(frozen=True)
class Finished:
    """A run of the whole line-up, and what it printed."""

    path: Path
    stdout: str

    @property
    def metrics(self) -> dict:
        return json.loads((self.path / "metrics.json").read_text())

    def export(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.path / "exports" / f"{name}.parquet")

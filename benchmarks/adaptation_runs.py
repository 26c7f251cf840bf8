"""Finished runs of one folder, as one table's rows: what they share must be alike."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import pandas as pd

from training.config import TrainConfig
from training.runs import Run, run_ids
from training.settings import overlaid

COMMON = ("seed", "exclude")  # beside the network that is adapted
# what runs had that do not say so: those of versions that knew no averaging
EARLIER = {"optimiser": {"averaging": 0.0}}


@dataclass(frozen=True)
class Kept:
    """A finished run of a log."""

    path: Path

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Content of `metrics.json`."""
        return Run(self.path).read_json("metrics.json")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """When it ended and what it read."""
        return Run(self.path).read_json("manifest.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        """Content of `config.json`."""
        return Run(self.path).read_json("config.json")

    def settings(self, name: str) -> dict[str, Any]:
        """Resolved settings of one of its models, `optimiser.patience` and so on."""
        return flat(overlaid(EARLIER, self.config["models"][name]))

    @property
    def common(self) -> dict[str, Any]:
        """What the runs of one table must share."""
        return self.settings("gru") | {
            name: self.config["config"][name] for name in COMMON
        }

    def ranks(self, name: str) -> pd.Series:
        """Rank of each test query's label, by episode, pair and user."""
        chosen = [("model", "==", name)]
        found = pd.read_parquet(self.path / "predictions.parquet", filters=chosen)
        return found.set_index(["episode_id", "pair_id", "user_id"])["rank"]


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings by their dotted names."""
    return pd.json_normalize(dict(values)).to_dict("records")[0]


def asked_of(config: TrainConfig, name: str) -> dict[str, Any]:
    """Settings that a model would be trained with."""
    return flat(asdict(config.model_config(name)))


def common_of(config: TrainConfig) -> dict[str, Any]:
    """What a run that is asked for would share with others."""
    return asked_of(config, "gru") | {name: getattr(config, name) for name in COMMON}


def require_alike(one: Mapping[str, Any], other: Mapping[str, Any], who: str) -> None:
    """Refuse to put rows of different settings into one table.

    Raises:
        ClickException: names the settings.
    """
    unlike = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    if unlike:
        told = [f"{n} {other.get(n)} where others have {one.get(n)}" for n in unlike]
        raise click.ClickException(
            f"{who} has {', '.join(told)}: its rows belong into no table with theirs; "
            "give it a folder of its own as --runs, and an entry of its own as --log"
        )


def kept_in(folder: Path) -> dict[str, Kept]:
    """The latest finished run of each model.

    Raises:
        ClickException: two runs read different marts, or at different settings.
    """
    found: dict[str, Kept] = {}
    inputs = None
    for run_id in run_ids(folder, "manifest.json"):
        kept = Kept(folder / run_id)
        if inputs not in (None, kept.manifest["inputs"]):
            raise click.ClickException(
                f"{kept.path} read other marts than the runs before it; "
                "give each log a folder of its own as --runs"
            )
        inputs = kept.manifest["inputs"]
        if found:
            require_alike(
                next(iter(found.values())).common, kept.common, str(kept.path)
            )
        found |= dict.fromkeys(kept.metrics["models"], kept)
    return found

"""Every model by its name: the only place that lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models_py.causal.nuisance import (
    SummaryBoosting,
    SummaryBoostingConfig,
    SummaryLogistic,
    SummaryLogisticConfig,
)
from models_py.causal.transformer import CausalTransformer, CausalTransformerConfig
from models_py.recommendation.gru import GRU, GRUConfig
from models_py.recommendation.popularity import Popularity, PopularityConfig
from models_py.recommendation.random import Random, RandomConfig
from models_py.recommendation.sasrec import SASRec, SASRecConfig
from models_py.recommendation.session_knn import SessionKNN, SessionKNNConfig


@dataclass(frozen=True)
class Entry:
    """One model of the line-up.

    Args:
        name: what users type and files are called.
        title: what tables and reports call it.
        family: what kind of mart it is for.
        factory: makes an unfitted model from sizes of the data and `config`.
        config: frozen dataclass of its settings, each with a default.
        is_baseline: whether other models are compared with it.
    """

    name: str
    title: str
    family: str
    factory: Callable[..., Any]
    config: type
    is_baseline: bool = True


_ENTRIES = (
    Entry("random", "Random", "recommendation", Random, RandomConfig),
    Entry("popularity", "Popularity", "recommendation", Popularity, PopularityConfig),
    Entry("session_knn", "Session-KNN", "recommendation", SessionKNN, SessionKNNConfig),
    Entry("gru", "GRU", "recommendation", GRU, GRUConfig),
    Entry("sasrec", "SASRec", "recommendation", SASRec, SASRecConfig),
    Entry(
        "summary_logistic",
        "Logistic",
        "causal",
        SummaryLogistic,
        SummaryLogisticConfig,
    ),
    Entry(
        "summary_gbt",
        "Boosting",
        "causal",
        SummaryBoosting,
        SummaryBoostingConfig,
    ),
    Entry(
        "causal_transformer",
        "Transformer",
        "causal",
        CausalTransformer,
        CausalTransformerConfig,
        is_baseline=False,
    ),
)

MODELS: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
CONFIGS: dict[str, type] = {name: entry.config for name, entry in MODELS.items()}


def names(family: str) -> list[str]:
    """Names of a family's models, in the order of the line-up."""
    return [entry.name for entry in _ENTRIES if entry.family == family]


def create(name: str, *, config: Any = None, **sizes: int) -> Any:
    """Make an unfitted model.

    Args:
        name: a key of `MODELS`.
        config: its settings; its defaults when None.
        sizes: what the data prescribe, such as `n_items`.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(MODELS)}")
    entry = MODELS[name]
    return entry.factory(config=entry.config() if config is None else config, **sizes)

"""Every model by its name: the only place that lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models_py.recommendation.gru import GRU, GRUConfig
from models_py.recommendation.popularity import Popularity, PopularityConfig
from models_py.recommendation.random import Random, RandomConfig
from models_py.recommendation.sasrec import SASRec, SASRecConfig
from models_py.recommendation.session_knn import SessionKNN, SessionKNNConfig
from models_py.tracing.gbt import GBT, GBTConfig
from models_py.tracing.item_rate import ItemRate, ItemRateConfig
from models_py.tracing.logistic import Logistic, LogisticConfig
from models_py.tracing.sakt import SAKT, SAKTConfig
from models_py.tracing.wd_irt import WideDeepIRT, WideDeepIRTConfig


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
    Entry("item_rate", "Item rate", "tracing", ItemRate, ItemRateConfig),
    Entry("logistic", "Logistic", "tracing", Logistic, LogisticConfig),
    Entry("gbt", "Boosted trees", "tracing", GBT, GBTConfig),
    Entry("sakt", "SAKT", "tracing", SAKT, SAKTConfig, is_baseline=False),
    Entry(
        *("wd_irt", "Wide & Deep IRT", "tracing", WideDeepIRT, WideDeepIRTConfig),
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
        sizes: what the data prescribe; `n_items`, for tracing `n_skills` too.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(MODELS)}")
    entry = MODELS[name]
    return entry.factory(config=entry.config() if config is None else config, **sizes)

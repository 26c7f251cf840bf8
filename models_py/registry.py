"""Every model by its name: the only place that lists them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Generic, Literal, TypeVar

from models_py.causal.nuisance import (
    SummaryBoosting,
    SummaryBoostingConfig,
    SummaryLogistic,
    SummaryLogisticConfig,
)
from models_py.causal.protocol import NuisanceModel
from models_py.causal.transformer import CausalTransformer, CausalTransformerConfig
from models_py.meta.best import Best, BestConfig
from models_py.meta.cavia import Cavia, CaviaConfig
from models_py.meta.learner import METHODS, MetaConfig, MetaLearner, WarmMetaConfig
from models_py.meta.markov_mixture import MarkovMixture, MarkovMixtureConfig
from models_py.meta.protocol import AdaptableNetwork, SupportReader
from models_py.recommendation.gru import GRU, GRUConfig
from models_py.recommendation.markov import Markov, MarkovConfig
from models_py.recommendation.popularity import Popularity, PopularityConfig
from models_py.recommendation.protocol import Recommender
from models_py.recommendation.random import Random, RandomConfig
from models_py.recommendation.sasrec import SASRec, SASRecConfig
from models_py.recommendation.session_knn import SessionKNN, SessionKNNConfig
from models_py.tracing.blend import MEMBERS, Blend, BlendConfig
from models_py.tracing.dkt import DKT, DKTConfig
from models_py.tracing.gbt import GBT, GBTConfig
from models_py.tracing.item_rate import ItemRate, ItemRateConfig
from models_py.tracing.logistic import Logistic, LogisticConfig
from models_py.tracing.protocol import Tracer
from models_py.tracing.sakt import SAKT, SAKTConfig
from models_py.tracing.wd_irt import WideDeepIRT, WideDeepIRTConfig

Model = TypeVar("Model", covariant=True)


@dataclass(frozen=True)
class Entry(Generic[Model]):
    """One model of the line-up, which speaks the protocol of its kind.

    Args:
        name: what users type and files are called.
        title: what tables and reports call it.
        family: what kind of mart it is for.
        factory: makes an unfitted model from sizes of the data and `config`.
        config: frozen dataclass of its settings, each with a default.
        is_baseline: whether other models are compared with it.
        adapts: whether it learns from episodes and reads a learner's support pairs.
        is_network: whether others can wrap it and adapt it.
        method: of adapting, for those that wrap a network.
        wraps: the state of the `network` the factory wants beside its settings, which
            name it as `base`; None where it wants none.
        is_default: whether it is trained where no model is named.
        members: other models that it mixes; they come before it in a line-up.
    """

    name: str
    title: str
    family: str
    factory: Callable[..., Model]
    config: type
    is_baseline: bool = True
    adapts: bool = False
    is_network: bool = False
    method: str | None = None
    wraps: Literal["fresh", "trained"] | None = None
    is_default: bool = True
    members: tuple[str, ...] = ()


_TITLES = {
    "maml": "MAML",
    "fomaml": "First-order MAML",
    "meta_sgd": "Meta-SGD",
    "anil": "ANIL",
    "fine_tune": "Fine-tuning",
}


def _meta_learner(
    method: str, is_warm: bool, is_adaptive: bool
) -> Entry[SupportReader]:
    """One way to adapt, from one start."""
    starts_trained = is_warm or not METHODS[method].is_trained
    extras = {"warm start": is_warm, "by reliability": is_adaptive}
    named = [words for words, is_so in extras.items() if is_so]
    return Entry(
        name=method + "_warm" * is_warm + "_adaptive" * is_adaptive,
        title=_TITLES[method] + (f" ({', '.join(named)})" if named else ""),
        family="recommendation",
        factory=partial(MetaLearner, method=METHODS[method], is_adaptive=is_adaptive),
        config=WarmMetaConfig if is_warm else MetaConfig,
        is_baseline=False,
        adapts=True,
        method=method,
        wraps="trained" if starts_trained else "fresh",
        # those that learn to adapt need thousands of steps: half trained they mislead
        is_default=not (METHODS[method].is_trained or is_adaptive),
    )


# from scratch, by reliability, from a trained baseline, and both
_META_LEARNERS = tuple(
    _meta_learner(method, is_warm, is_adaptive)
    for method in METHODS
    for is_warm in (False, True)
    for is_adaptive in (False, True)
    # fine-tuning always starts from a trained network
    if METHODS[method].is_trained or not is_warm
)

_RECOMMENDERS: tuple[Entry[Recommender], ...] = (
    Entry("random", "Random", "recommendation", Random, RandomConfig),
    Entry("popularity", "Popularity", "recommendation", Popularity, PopularityConfig),
    Entry("markov", "Markov", "recommendation", Markov, MarkovConfig),
    Entry("session_knn", "Session-KNN", "recommendation", SessionKNN, SessionKNNConfig),
)
_NETWORKS: tuple[Entry[AdaptableNetwork], ...] = (
    Entry("gru", "GRU", "recommendation", GRU, GRUConfig, is_network=True),
    Entry("sasrec", "SASRec", "recommendation", SASRec, SASRecConfig, is_network=True),
)
_SUPPORT_READERS: tuple[Entry[SupportReader], ...] = (
    *_META_LEARNERS,
    Entry(
        name="cavia",
        title="CAVIA (adapts a context)",
        family="recommendation",
        factory=Cavia,
        config=CaviaConfig,
        is_baseline=False,
        adapts=True,
        wraps="trained",
        # scores all items at each position of the support: dear where there are many
        is_default=False,
    ),
    Entry(
        name="markov_mixture",
        title="Mixture of Markov chains (reads the support)",
        family="recommendation",
        factory=MarkovMixture,
        config=MarkovMixtureConfig,
        is_baseline=False,
        adapts=True,
        # below `markov` on public logs: their learners are not of a few kinds
        is_default=False,
    ),
    Entry(
        name="best",
        title="Best (reads the support)",
        family="recommendation",
        factory=Best,
        config=BestConfig,
        is_baseline=False,
        adapts=True,
    ),
)
_NUISANCE_MODELS: tuple[Entry[NuisanceModel], ...] = (
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
_TRACERS: tuple[Entry[Tracer], ...] = (
    Entry("item_rate", "Item rate", "tracing", ItemRate, ItemRateConfig),
    Entry("logistic", "Logistic", "tracing", Logistic, LogisticConfig),
    Entry("gbt", "Boosted trees", "tracing", GBT, GBTConfig),
    Entry("sakt", "SAKT", "tracing", SAKT, SAKTConfig, is_baseline=False),
    Entry(
        *("wd_irt", "Wide & Deep IRT", "tracing", WideDeepIRT, WideDeepIRTConfig),
        is_baseline=False,
    ),
    Entry("dkt", "DKT", "tracing", DKT, DKTConfig),
    Entry(
        *("blend", "Blend", "tracing", Blend, BlendConfig),
        is_baseline=False,
        members=tuple(MEMBERS),
    ),
)

_ENTRIES: tuple[Entry[Any], ...] = (
    *_RECOMMENDERS,
    *_NETWORKS,
    *_SUPPORT_READERS,
    *_NUISANCE_MODELS,
    *_TRACERS,
)
MODELS: dict[str, Entry[Any]] = {entry.name: entry for entry in _ENTRIES}
CONFIGS: dict[str, type] = {name: entry.config for name, entry in MODELS.items()}


def names(family: str) -> list[str]:
    """Names of a family's models, in the order of the line-up."""
    return [entry.name for entry in _ENTRIES if entry.family == family]


def with_members(lineup: Iterable[str]) -> tuple[str, ...]:
    """A line-up with the models that others of it mix, each before those."""
    found = [each for name in lineup for each in (*MODELS[name].members, name)]
    return tuple(dict.fromkeys(found))


def default_names(family: str) -> list[str]:
    """Names of the models that are trained where none is named."""
    return [name for name in names(family) if MODELS[name].is_default]


def reads_any_support(name: str) -> bool:
    """Whether a model reads support pairs of any number, none among them."""
    return hasattr(MODELS[name].factory, "score_blocks")


def is_fitted_by_steps(name: str) -> bool:
    """Whether a model learns in steps of an optimiser, not at once or not at all."""
    method = MODELS[name].method
    has_steps = "optimiser" in {field.name for field in fields(CONFIGS[name])}
    return has_steps and (method is None or METHODS[method].is_trained)


def create(name: str, *, config: Any = None, **sizes: Any) -> Any:
    """Make an unfitted model.

    Args:
        name: a key of `MODELS`.
        config: its settings; its defaults when None.
        sizes: what the data prescribe, `n_items`, for tracing `n_skills` too; and
            the `network` of a model that wraps one.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(MODELS)}")
    entry = MODELS[name]
    return entry.factory(config=entry.config() if config is None else config, **sizes)

"""Settings of a training run: defaults, then YAML files, then flags, then `--set`."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import torch

from models_py import registry
from models_py.config import require
from models_py.seeding import seeds_of
from models_py.space import with_settings
from training.errors import UserError
from training.settings import assigned, checked, overlaid, read_yaml


@dataclass(frozen=True)
class TrainConfig:
    """What a run was asked to do.

    Args:
        mart: episode mart whose test queries are asked.
        mart_dir: folder of the marts as Parquet; None reads dbt's DuckDB file.
        dataset: data set to train on; None takes `xuetangx` or the only one.
        lineup: models to train; empty takes all that fit the mart.
        models: settings by model name, over each model's defaults.
        epochs: most epochs of neural models that `models` gives none; None leaves
            each its own.
        seed: of batch order, dropout and the bootstrap; of initial weights, too,
            where `models` gives no other.
        device: `auto` takes CUDA where there is one.
        precision: `bf16` trains under autocast, on CUDA only.
        exclude: what is no candidate: the prefix's `last` item (repeats collapse, so
            it can never be the label), the whole `prefix`, or `none`; `auto` takes
            the prefix where no label of a train pair was ever in its own, else last.
        score_chunk: queries scored at a time; bounds memory, changes no result.
        trim: trials whose propensity is below this or above 1 less this have no
            counterpart in the other arm and are left out of effects.
        repeat_splits: on how many other random splits of the users to repeat it all.
        tune: trials of each model that has a search space; 0 takes settings as given.
        seeds: from how many seeds to train each model.
        also_by_time: whether to train and evaluate it all on a split by time, too.
    """

    mart: str
    mart_dir: str | None = None
    dataset: str | None = None
    lineup: tuple[str, ...] = ()
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    epochs: int | None = None
    seed: int = 20260107
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    exclude: Literal["auto", "last", "prefix", "none"] = "auto"
    score_chunk: int = 2048
    trim: float = 0.01
    repeat_splits: int = 0
    tune: int = 0
    seeds: int = 1
    also_by_time: bool = False

    def __post_init__(self) -> None:
        require(self.epochs is None or self.epochs >= 1, "epochs must be 1 or more")
        require_seed(self.seed)
        require(self.score_chunk >= 1, "score_chunk must be 1 or more")
        require(self.tune >= 0, "tune must be 0 or more")
        require(self.seeds >= 1, "seeds must be 1 or more")
        require(0 < self.trim < 0.5, "trim must be in (0, 0.5)")

    def torch_device(self) -> torch.device:
        """The device to train on.

        Raises:
            UserError: CUDA is asked for and there is none, or bf16 without CUDA.
        """
        has_cuda = torch.cuda.is_available()
        if self.device == "cuda" and not has_cuda:
            raise UserError("--device cuda: no CUDA device here; use --device cpu")
        device = torch.device("cuda" if has_cuda and self.device != "cpu" else "cpu")
        if self.precision == "bf16" and device.type != "cuda":
            raise UserError("--precision bf16 needs a CUDA device; use fp32")
        return device

    def check_models(self) -> None:
        """Check the settings of models before any mart is read.

        Which models there are depends on the mart; `settings` looks at the names.

        Raises:
            UserError: a setting is unknown or of the wrong type; those of a model that
                is not trained count too.
        """
        for name in (*self.lineup, *self.models):
            if name in registry.MODELS:
                self.model_config(name)

    def names(self, family: str) -> tuple[str, ...]:
        """The line-up, in its order; what a model mixes comes before it."""
        return registry.with_members(self.lineup or registry.default_names(family))

    def settings(self, family: str) -> dict[str, Any]:
        """Resolved settings of the line-up, and of the networks that it adapts.

        Raises:
            UserError: a model is unknown or of another family, or as for
                `check_models`.
        """
        self._require_known(registry.names(family))
        found = {name: self.model_config(name) for name in self.names(family)}
        bases = [getattr(config, "base", None) for config in found.values()]
        return found | {
            base: self.model_config(base)
            for base in dict.fromkeys(bases)
            if base and base not in found
        }

    def resolved(self, family: str) -> "TrainConfig":
        """The same with the line-up and all its settings written out."""
        settings = self.settings(family)
        return dataclasses.replace(
            self,
            lineup=self.names(family),
            models={name: dataclasses.asdict(one) for name, one in settings.items()},
        )

    def model_config(self, name: str) -> Any:
        """Resolved settings of one model.

        Raises:
            UserError: a setting is unknown or of the wrong type.
        """
        kind = registry.CONFIGS[name]
        usual = kind()
        usual = with_settings(usual, dict.fromkeys(seeds_of(usual), self.seed))
        defaults = dataclasses.asdict(usual)
        if "optimiser" in defaults and self.epochs is not None:
            defaults["optimiser"]["epochs"] = self.epochs
        whole = overlaid(defaults, self.models.get(name, {}))
        config: Any = checked(kind, whole, f"models.{name}")
        for path, seed in seeds_of(config).items():
            try:
                require_seed(seed)
            except ValueError as error:
                whose = f"models.{name}.{path}".removesuffix(".seed")
                raise UserError(f"{whose}: {error}") from error
        self._require_network(name, config)
        members = registry.MODELS[name].members
        return dataclasses.replace(config, **{m: self.model_config(m) for m in members})

    def _require_network(self, name: str, config: Any) -> None:
        base = getattr(config, "base", None)
        networks = [n for n, entry in registry.MODELS.items() if entry.is_network]
        if base is not None and base not in networks:
            raise UserError(
                f"models.{name}: base {base} cannot be adapted; choose from "
                + ", ".join(networks)
            )

    def _require_known(self, known: list[str]) -> None:
        for name in (*self.lineup, *self.models):
            if name not in known:
                option = "--model " if name in self.lineup else "models."
                near = get_close_matches(name, known, 1)
                nearest = f" ({near[0]} is)" if near else ""
                raise UserError(
                    f"{option}{name} is none for mart {self.mart}{nearest}; "
                    f"choose from {', '.join(known)}"
                )


def _without_seeds(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without any seed of a model or of its parts."""
    return {
        key: _without_seeds(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if key != "seed"
    }


def require_seed(seed: int) -> None:
    """Refuse a seed that one of the generators does not take.

    Raises:
        ValueError: says which seeds all of them take.
    """
    require(0 <= seed < 2**32, "seed must be 0 or more, and below 2**32")


def load_config(
    paths: Iterable[Path], flags: Mapping[str, Any], assignments: Iterable[str]
) -> TrainConfig:
    """Lay YAML files, flags and `KEY=VALUE` assignments over each other, in order.

    What one of them says of all models at once (`seed`, `epochs`) stands over what
    those before it said of single models.

    Args:
        paths: YAML files with the keys of `TrainConfig`.
        flags: values from the command line; None and () mean "not given".
        assignments: such as `models.gru.hidden_dim=256`; values are read as YAML.
    Raises:
        UserError: a file is unreadable, or a key is unknown or wrongly typed.
    """
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    layers = [(str(path), read_yaml(path)) for path in paths]
    layers += [("options", given), ("--set", assigned(assignments))]
    values: dict[str, Any] = {}
    for where, layer in layers:
        checked(TrainConfig, {"mart": "any", **layer}, where)  # the error says whose
        values = overlaid(_without_overruled(values, layer), layer)
    if "mart" not in values:
        raise UserError("--mart is missing: name one, such as --mart episodes_k5_q10")
    return checked(TrainConfig, values, "options")


def _without_overruled(values: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """The values without those of single models that the layer sets for all."""
    models = {name: dict(given) for name, given in values.get("models", {}).items()}
    if layer.get("seed") is not None:
        models = _without_seeds(models)
    for given in models.values():
        if layer.get("epochs") is not None and isinstance(given.get("optimiser"), dict):
            given["optimiser"] = {**given["optimiser"]}
            given["optimiser"].pop("epochs", None)
    return {**values, "models": models}

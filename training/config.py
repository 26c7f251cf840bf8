"""Settings of a training run: defaults, then YAML, then flags, then `--set`."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
import yaml
from pydantic import ConfigDict, ValidationError, create_model

from models_py import registry
from models_py.config import require
from training.errors import UserError

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class TrainConfig:
    """What a run was asked to do.

    Args:
        mart: episode mart whose test queries are asked.
        mart_dir: folder of the marts as Parquet; None reads dbt's DuckDB file.
        dataset: data set to train on; None takes `xuetangx` or the only one.
        lineup: models to train; empty takes all that fit the mart.
        models: settings by model name, over each model's defaults.
        epochs: most epochs of every neural model; None leaves each its own.
        seed: of initial weights, batch order, dropout and the bootstrap.
        device: `auto` takes CUDA where there is one.
        precision: `bf16` trains under autocast, on CUDA only.
        exclude_last_item: the prefix's last item is no candidate, since repeats
            collapse and it can never be the label.
        score_chunk: queries scored at a time; bounds memory, changes no result.
        trim: trials whose propensity is below this or above 1 less this have no
            counterpart in the other arm and are left out of effects.
        repeat_splits: on how many other random splits of the users to repeat it all.
        preset: how long models learn that have presets: `quick`, or `paper` for the
            published numbers of steps. Settings in `models` win over it; as a flag it
            wins over those of a file.
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
    exclude_last_item: bool = True
    score_chunk: int = 2048
    trim: float = 0.01
    repeat_splits: int = 0
    preset: Literal["quick", "paper"] = "quick"

    def __post_init__(self) -> None:
        require(self.epochs is None or self.epochs >= 1, "epochs must be 1 or more")
        require(self.seed >= 0, "seed must be 0 or more")
        require(self.score_chunk >= 1, "score_chunk must be 1 or more")
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
        """Check all that is asked of models before any mart is read.

        Raises:
            UserError: a model is unknown, or a setting is unknown or of the wrong
                type; those of a model that is not trained count too.
        """
        self._require_known(list(registry.MODELS))
        for name in (*self.lineup, *self.models):
            self.model_config(name)

    def model_configs(self, family: str) -> dict[str, Any]:
        """Resolved settings of every model of the line-up, in its order.

        Raises:
            UserError: a model is of another family, or as for `check_models`.
        """
        known = registry.names(family)
        self._require_known(known)
        lineup = dict.fromkeys(self.lineup) or registry.default_names(family)
        found: dict[str, Any] = {}
        for name in registry.with_members(lineup):
            members = {each: found[each] for each in registry.MODELS[name].members}
            found[name] = dataclasses.replace(self.model_config(name), **members)
        return found

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
                raise UserError(
                    f"--model {name} is none for mart {self.mart}; "
                    f"choose from {', '.join(known)}"
                )

    def model_config(self, name: str) -> Any:
        """Resolved settings of one model: defaults, preset, then what was given.

        Raises:
            UserError: a setting is unknown or of the wrong type.
        """
        given = self.models.get(name, {})
        for member in registry.MODELS[name].members:
            if member in given:
                raise UserError(
                    f"models.{name}.{member}: its members are those of the line-up; "
                    f"set models.{member}"
                )
        kind = registry.CONFIGS[name]
        preset = getattr(kind, "PRESETS", {}).get(self.preset, {})
        whole = _merged(_merged(dataclasses.asdict(kind()), preset), given)
        config = checked(kind, whole, f"models.{name}")
        self._require_network(name, config)
        names = {item.name for item in dataclasses.fields(config)}
        if "seed" in names and "seed" not in given:
            config = dataclasses.replace(config, seed=self.seed)
        if "optimiser" in names and self.epochs is not None:
            optimiser = dataclasses.replace(config.optimiser, epochs=self.epochs)
            config = dataclasses.replace(config, optimiser=optimiser)
        return config


def _merged(defaults: Any, given: Any) -> Any:
    """The given values over the defaults, at every depth."""
    if not isinstance(defaults, dict) or not isinstance(given, dict):
        return given
    inner = {key: _merged(defaults.get(key), value) for key, value in given.items()}
    return {**defaults, **inner}


def load_config(
    path: Path | None, flags: Mapping[str, Any], assignments: Iterable[str]
) -> TrainConfig:
    """Merge a YAML file, flags and `KEY=VALUE` assignments, later ones winning.

    A preset that is a flag wins over the file's settings of models, too.

    Args:
        path: YAML with the keys of `TrainConfig`, or None.
        flags: values from the command line; None and () mean "not given".
        assignments: such as `models.gru.hidden_dim=256`; values are read as YAML.
    Raises:
        UserError: the file is unreadable, or a key is unknown or wrongly typed.
    """
    merged = _read_yaml(path) if path else {}
    if flags.get("preset"):
        merged["models"] = _under_preset(merged.get("models"), flags["preset"])
    merged.update({k: v for k, v in flags.items() if v is not None and v != ()})
    for assignment in assignments:
        _assign(merged, assignment)
    if "mart" not in merged:
        raise UserError("--mart is missing: name one, such as --mart episodes_k5_q10")
    return checked(TrainConfig, merged, str(path) if path else "options")


def checked(kind: type[Settings], values: Any, where: str) -> Settings:
    """Make a settings dataclass from plain values, refusing what does not fit.

    Raises:
        UserError: names the key and the problem, in one line.
    """
    try:
        text = json.dumps({"value": values}, allow_nan=False)
        return _validator(kind).model_validate_json(text).value
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"][1:])
        if problem["type"] == "unexpected_keyword_argument":
            known = ", ".join(item.name for item in dataclasses.fields(kind))
            raise UserError(f"{where}: unknown key {key}; known: {known}") from error
        message = problem["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {key or 'settings'}: {message}") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from error


@cache
def _validator(kind: type) -> Any:
    strict = ConfigDict(extra="forbid", strict=True)
    return create_model(kind.__name__, __config__=strict, value=(kind, ...))


def _under_preset(models: Any, preset: str) -> Any:
    """A file's settings of models under a preset that was asked for by flag.

    A flag wins over a file, so its preset does too, in what it sets.
    """
    if not isinstance(models, dict):
        return models or {}
    presets = {
        name: getattr(registry.CONFIGS.get(name), "PRESETS", {}).get(preset, {})
        for name in models
    }
    return {
        name: _merged(given, presets[name]) if isinstance(given, dict) else given
        for name, given in models.items()
    }


class _Yaml(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, as in 1.2; in 1.1 it is a text."""


_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Yaml)
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--config {path} is no YAML: {reason}") from error
    if not isinstance(values or {}, dict):
        raise UserError(f"--config {path} must hold keys and values")
    return values or {}


def _assign(merged: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise UserError(f"--set {assignment}: write KEY=VALUE, such as seed=7")
    try:
        value = yaml.load(text, _Yaml)
    except yaml.YAMLError as error:
        raise UserError(f"--set {assignment}: the value is no YAML") from error
    *parents, last = key.split(".")
    for parent in parents:
        merged = merged.setdefault(parent, {})
        if not isinstance(merged, dict):
            raise UserError(f"--set {assignment}: {parent} holds no keys")
    merged[last] = value

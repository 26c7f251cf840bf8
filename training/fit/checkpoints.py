"""Model files: safetensors with a JSON header, whole or not at all, never pickle."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from models_py import registry
from models_py.fitting import Stateful
from training.errors import UserError
from training.files import appearing_whole

_HEADER = "moocmeta"  # safetensors metadata maps strings to strings: one JSON text


def save_model(
    path: Path,
    name: str,
    model: Stateful,
    config: Any,
    sizes: dict[str, int],
    base_config: Any = None,
) -> None:
    """Write a fitted model with all that is needed to make it again.

    Args:
        path: file to write, replaced in one step.
        name: the model's name in the registry.
        model: what `registry.create` made, fitted.
        config: the settings it was made with.
        sizes: what the data prescribed, such as `n_items`.
        base_config: settings of the network that the model wraps, where it does.

    Raises:
        UserError: the file cannot be written.
    """
    header = {"name": name, "sizes": sizes, "config": dataclasses.asdict(config)}
    if base_config is not None:
        header["base_config"] = dataclasses.asdict(base_config)
    save_tensors(path, model.state_dict(), header)


def load_model(path: Path) -> tuple[str, Any]:
    """Read back what `save_model` wrote.

    Returns:
        The model's name and the model, on the CPU.

    Raises:
        UserError: the file is missing, damaged, or not of this version's models.
    """
    state, header = load_tensors(path)
    try:
        name = header["name"]
        config = _settings_of(header["config"], registry.CONFIGS[name])
        model = registry.create(
            name, config=config, **_network(header, config), **header["sizes"]
        )
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path} does not fit this version's models ({_first_line(error)}); "
            "train the run again"
        ) from error
    return name, model


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict) -> None:
    """Write named tensors and a JSON header as one file, replaced in one step.

    Raises:
        UserError: the file cannot be written.
    """
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in tensors.items()
    }
    text = json.dumps({**header, "sha256": _digest(tensors)}, allow_nan=False)
    with appearing_whole(path) as scratch:
        scratch.write_bytes(save(tensors, metadata={_HEADER: text}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the header that `save_tensors` wrote.

    Raises:
        UserError: the file is missing, unreadable or damaged.
    """
    return tensors_of(content_of(path), path)


def content_of(path: Path) -> bytes:
    """A checkpoint as it lies on disk.

    Raises:
        UserError: the file is missing or unreadable.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"no checkpoint at {path}; train the run first") from error
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; check its permissions"
        ) from error


def tensors_of(content: bytes, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a file's content.

    Raises:
        UserError: it is damaged; the error names `path`.
    """
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])["__metadata__"][_HEADER]
        header, tensors = json.loads(header), load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, _first_line(error)) from error
    if header.pop("sha256", None) != _digest(tensors):
        raise _damaged(path, "its checksum does not match")
    return tensors, header


def _network(header: dict[str, Any], config: Any) -> dict[str, Any]:
    """The unfitted network that the model wraps, where it does."""
    if "base_config" not in header:
        return {}
    settings = _settings_of(header["base_config"], registry.CONFIGS[config.base])
    return {"network": registry.create(config.base, config=settings, **header["sizes"])}


def _settings_of(stored: dict[str, Any], config_class: type) -> Any:
    config: Any = TypeAdapter(config_class).validate_python(stored)
    ours = dataclasses.asdict(config)
    # pydantic skips unknown settings and fills in missing ones: neither is the model
    # that was fitted
    odd = sorted(k for k in ours.keys() | stored.keys() if ours.get(k) != stored.get(k))
    if odd:
        raise ValueError(f"other settings: {', '.join(odd)}")
    return config


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} is damaged or no checkpoint of moocmeta ({reason}); "
        "delete it and train the run again"
    )


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

"""A network of a run as an ONNX file, to be served without this project or torch."""

import json
import warnings
from pathlib import Path

import torch

from models_py import registry
from models_py.recommendation.served import Served
from training.errors import UserError
from training.files import appearing_whole
from training.recommendation.finished import FinishedModel

OPSET = 17  # old enough for the runtimes that are about


def export_onnx(model: FinishedModel, path: Path) -> int:
    """Write a network with dynamic batch and length, whole or not at all.

    Input `items` (int64, batch × length): item numbers plus 1, oldest first, 0 behind a
    row's end. Output `scores` (batch × items). The metadata have `item_keys`, a JSON
    list in the order of item numbers, `dataset`, `model`, `run_id` and `max_length`.

    Returns:
        Size of the file in bytes.
    Raises:
        UserError: the model is no network, ONNX is not installed, or the file cannot be
            written.
    """
    if not registry.MODELS[model.name].is_network:
        known = [n for n in model.metrics["models"] if registry.MODELS[n].is_network]
        raise UserError(
            f"--model {model.name} is no network that ONNX can hold; models of "
            f"{model.run.path} that are: {', '.join(known) or 'none'}"
        )
    try:
        import onnx
    except ImportError as error:
        raise UserError(
            "--onnx needs the extra `onnx`: pip install 'moocmeta[onnx]'"
        ) from error
    network = model.fitted()
    with appearing_whole(path) as scratch:
        _trace(Served(network), scratch)
        content = onnx.load(str(scratch))
        onnx.helper.set_model_props(
            content,
            {
                "item_keys": json.dumps(model.item_keys, ensure_ascii=False),
                "dataset": model.metrics["dataset"],
                "model": model.name,
                "run_id": model.run.run_id,
                "max_length": str(network.config.max_length),
            },
        )
        onnx.checker.check_model(content, full_check=True)
        onnx.save(content, str(scratch))
    return path.stat().st_size


def _trace(served: Served, path: Path) -> None:
    """Write the operations that two rows of unequal length take."""
    rows = torch.tensor([[1, 1, 1], [1, 1, 0]])
    with warnings.catch_warnings():
        # that shapes are traced and the exporter is the older one: all is tested for
        # every length, and the newer one wants a package more
        warnings.simplefilter("ignore")
        torch.onnx.export(
            served,
            (rows,),
            str(path),
            input_names=["items"],
            output_names=["scores"],
            dynamic_axes={"items": {0: "batch", 1: "length"}, "scores": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )

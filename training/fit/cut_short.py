"""What is said of a fit that ended while its validation value may still have risen."""

from collections.abc import Mapping
from typing import Any

from models_py import registry
from models_py.fitting import FitLog


def named(name: str, *logs: FitLog | None) -> dict[str, Any]:
    """What `metrics.json` calls a model: `title`, and whether it `is_cut_short`.

    Args:
        logs: its fits, several where it was fitted fold by fold or adapts a network;
            None of a model that only counts.
    """
    is_cut_short = any(log.is_cut_short for log in logs if log)
    title = registry.MODELS[name].title
    return {
        "title": f"{title} (cut short)" if is_cut_short else title,
        "is_cut_short": is_cut_short,
    }


def remark(models: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Which models were cut short and the way out, a line; None where none was."""
    found = [name for name, block in models.items() if block.get("is_cut_short")]
    if not found:
        return None
    ways = ["--epochs", "--set models.NAME.optimiser.epochs"]
    if any(registry.MODELS[name].method not in (None, "fine_tune") for name in found):
        ways.append("--config configs/paper.yaml")  # outer steps as published
    return (
        f"cut short: {', '.join(found)}: validation may still rise, give more epochs "
        f"by {', '.join(ways[:-1])} or {ways[-1]}"
    )

"""What a fit keeps on disk, so that it can be taken up after any epoch."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from models_py.config import OptimiserConfig
from models_py.fitting import FitLog, Stateful
from training.errors import UserError
from training.fit.adamw import AdamW
from training.fit.checkpoints import content_of, save_tensors, tensors_of
from training.fit.processes import World


@dataclass(frozen=True)
class FitState:
    """How far a fit has come.

    Args:
        history: one dict an epoch, as in `FitLog.epochs`.
        best_epoch: 1-based epoch with the best validation value, 0 before any.
        best_weights: the model's weights after that epoch, on the CPU.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def best_value(self) -> float:
        """Best validation value so far."""
        best = self.history[self.best_epoch - 1] if self.best_epoch else None
        return best["val"] if best else -math.inf

    def is_over(self, settings: OptimiserConfig) -> bool:
        """Whether all epochs are done or too many in a row brought nothing better."""
        return self.epoch >= settings.epochs or self.waited >= settings.patience

    @property
    def waited(self) -> int:
        """How many epochs in a row brought nothing better."""
        return self.epoch - self.best_epoch

    def after(self, record: dict[str, float], model: Stateful) -> "FitState":
        """The state with one more epoch."""
        history = [*self.history, record]
        if record["val"] <= self.best_value:
            return FitState(history, self.best_epoch, self.best_weights)
        weights = {
            name: value.detach().to("cpu", copy=True)
            for name, value in model.state_dict().items()
        }
        return FitState(history, len(history), weights)

    def log(self, monitor: str, settings: OptimiserConfig) -> FitLog:
        """The same as reports show it, once it is over."""
        return FitLog(
            epochs=self.history,
            best_epoch=self.best_epoch,
            train_seconds=sum(record["seconds"] for record in self.history),
            monitor=monitor,
            # with more patience than epochs, the usual one says when it is enough
            is_cut_short=self.waited < min(settings.patience, OptimiserConfig.patience),
        )


@dataclass(frozen=True)
class FitCheckpoints:
    """The state file of one model's fit.

    One file holds weights, best weights, optimizer and history, and is replaced
    in one step: a kill at any moment leaves the state of one epoch, whole.

    Args:
        prefix: path of the file without its ending, such as `runs/x/state/gru`.
    """

    prefix: Path

    @property
    def path(self) -> Path:
        """The state file."""
        return self.prefix.parent / f"{self.prefix.name}.safetensors"

    def save(
        self, state: FitState, model: Stateful, optimizer: AdamW, terms: dict
    ) -> None:
        """Write the state after an epoch; `terms` are what the fit depends on."""
        tensors = {
            **_under("model", model.state_dict()),
            **_under("best", state.best_weights),
            **_under("optimizer", optimizer.kept()),
        }
        header = {
            "terms": terms,
            "history": state.history,
            "best_epoch": state.best_epoch,
        }
        save_tensors(self.path, tensors, header)

    def restore(
        self, model: Stateful, optimizer: AdamW, terms: dict, world: World
    ) -> FitState:
        """Put model and optimizer where the last saved epoch left them.

        All processes have what the main one finds: what others see of a
        shared disk may be older, and they would be out of step.

        Returns:
            The state so far; that of a fresh fit when nothing was saved.

        Raises:
            UserError: the file is damaged, or of another model or other terms.
        """
        if not world.broadcast_bytes(b"kept" if self.path.exists() else b""):
            return FitState()
        content = world.broadcast_bytes(content_of(self.path) if world.is_main else b"")
        tensors, header = tensors_of(content, self.path)
        try:
            self._require_same(header["terms"], terms)
            model.load_state_dict(_below("model", tensors))
            optimizer.restore(_below("optimizer", tensors))
            best_weights = _below("best", tensors)
            return FitState(header["history"], header["best_epoch"], best_weights)
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.path} is the state of another model; "
                "delete it to train this one from the start"
            ) from error

    def _require_same(self, kept: dict, terms: dict) -> None:
        if unlike := sorted(kept.keys() ^ terms.keys()):
            raise UserError(
                f"{self.path} is the state of another version of moocmeta (only one of "
                f"the two knows {', '.join(unlike)}); go on with that version, or "
                "delete it to train from the start"
            )
        changed = [name for name in terms if kept[name] != terms[name]]
        if changed:
            changes = ", ".join(f"{n}: {kept[n]} → {terms[n]}" for n in changed)
            raise UserError(
                f"{self.path} was trained with other settings ({changes}); "
                "use those again, or delete it to train from the start"
            )


def _under(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{key}": value for key, value in tensors.items()}


def _below(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removeprefix(f"{name}."): value
        for key, value in tensors.items()
        if key.startswith(f"{name}.")
    }

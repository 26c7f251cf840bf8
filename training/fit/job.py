"""One line-up to fit on one data set, whatever its family."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from models_py.fitting import Batch, FitLog, Optimise, Stateful, Train, Trainable
from training.config import TrainConfig
from training.fit import loop
from training.fit.ahead import Ahead
from training.fit.checkpoints import save_model
from training.fit.processes import World
from training.fit.state import FitCheckpoints
from training.marts.opening import Marts
from training.progress import Bar, progress_bar
from training.runs import Run

M = TypeVar("M", bound=Marts, covariant=True)


@dataclass(frozen=True)
class Watched:
    """One model of a job whose fit is looked at after every epoch.

    Args:
        model: its name.
        kept_as: name of its state, so that another fit of the model keeps its own.
        look: is given each validation value; may raise to end the fit.
    """

    model: str
    kept_as: str
    look: Callable[[float], None]

    def forget(self, job: "Job[Marts]") -> None:
        """Delete the state, so that the fit begins anew."""
        if job.world.is_main:
            FitCheckpoints(job.run.state / self.kept_as).path.unlink(missing_ok=True)
        job.world.barrier()


@dataclass(frozen=True)
class Job(Generic[M]):
    """One line-up on one data set.

    Fitting keeps its state in the run folder after every epoch. Going on after an
    interruption is nothing but running the same job over the same folder again: a
    finished fit is taken from its state as it was, an unfinished one goes on.

    Args:
        config: what the run was asked to do, resolved.
        settings: of each model of the line-up, and of the networks that they adapt.
        marts: what the family's `load` read.
        world: the processes that do this job together, this one among them.
        watched: the model whose fit is looked at, if any.
        ahead: the fits that other processes do for this one; None where all are its
            own.
    """

    config: TrainConfig
    settings: dict[str, Any]
    marts: M
    run: Run
    device: torch.device
    progress: bool
    world: World = field(default_factory=World)
    watched: Watched | None = None
    ahead: Ahead | None = None

    def optimise(
        self, name: str, settings: Any, validate: Callable[[], float], monitor: str
    ) -> Optimise:
        """The training loop for one model, its state kept under the model's name.

        Args:
            settings: the model's, with an `optimiser` where it is a network.
            validate: value of the model as it is at the call, higher is better.
            monitor: name of that value, such as `mrr`.
        """

        watched = self.watched if self.watched and self.watched.model == name else None

        kept_as = watched.kept_as if watched else name

        def validated() -> float:
            value = validate()
            if watched:
                watched.look(value)
            return value

        checkpoints = FitCheckpoints(self.run.state / kept_as)

        def fit(model: Trainable[Train, Batch], train: Train, /) -> FitLog:
            with self._turn(checkpoints.prefix):
                return loop.fit(
                    model,
                    train,
                    name=name,
                    settings=settings.optimiser,
                    validate=validated,
                    monitor=monitor,
                    seed=self.config.seed,
                    device=self.device,
                    precision=self.config.precision,
                    checkpoints=checkpoints,
                    progress=self.progress,
                    world=self.world,
                    inner_rate=getattr(settings, "inner_rate", None),
                )

        return fit

    def _turn(self, state: Path) -> AbstractContextManager[None]:
        """While this process fits a model, and no other one does."""
        if self.ahead is None:
            return nullcontext()
        return self.ahead.turn(state, progress=self.progress)

    def keep(
        self,
        name: str,
        model: Stateful,
        settings: Any,
        base_settings: Any = None,
        **sizes: int,
    ) -> None:
        """Write a fitted model's checkpoint; `sizes` are what the data prescribe."""
        if not self.world.is_main:
            return
        path = self.run.checkpoint(name)
        save_model(path, name, model, settings, sizes, base_settings)

    def lineup(self) -> Bar:
        """The models' names behind a progress bar."""
        return progress_bar(self.config.lineup, "models", is_shown=self.progress)

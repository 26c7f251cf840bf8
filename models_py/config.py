"""Settings that several models share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimiserConfig:
    """How a neural model is fitted by the training loop (AdamW, early stopping).

    Args:
        learning_rate: step size of AdamW, constant over the run.
        weight_decay: decoupled weight decay of AdamW.
        averaging: validated and kept is the mean of the weights over roughly this
            share of the steps so far, the latest ones; 0 takes the weights as they are.
        batch_size: most targets (not rows) a step sees, roughly: steps stay alike
            in cost and noise whether sequences are short or long.
        min_steps: batches shrink where an epoch of full ones would have fewer
            steps than this, so that a small data set is not over before it began.
        max_steps: an epoch with more batches than this ends after so many of them,
            drawn anew each time: on a large log validation is asked before the
            whole of it was seen.
        epochs: most passes over the training data, or over such parts of it.
        patience: stop after this many epochs in a row without a better
            validation value.
        clip_norm: gradients are scaled down to at most this joint norm.

    Raises:
        ValueError: a setting outside its range; the message names the setting.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    averaging: float = 0.0
    batch_size: int = 1024
    min_steps: int = 40
    max_steps: int = 2000
    epochs: int = 50
    patience: int = 4
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        require(self.learning_rate > 0, "learning_rate must be above 0")
        require(self.weight_decay >= 0, "weight_decay must be 0 or more")
        require(0 <= self.averaging <= 1, "averaging must be from 0 to 1")
        require(self.batch_size >= 1, "batch_size must be 1 or more")
        require(self.min_steps >= 1, "min_steps must be 1 or more")
        require(self.max_steps >= 1, "max_steps must be 1 or more")
        require(self.epochs >= 1, "epochs must be 1 or more")
        require(self.patience >= 1, "patience must be 1 or more")
        require(self.clip_norm > 0, "clip_norm must be above 0")

    def targets_per_step(self, n_targets: int, *, is_large: bool = False) -> int:
        """Targets of one step where an epoch has `n_targets`.

        Args:
            is_large: the vocabulary is so large that its table, which every step
                changes, costs more than the targets: a step has three times as many.
        """
        most = self.batch_size * (3 if is_large else 1)
        return min(most, max(n_targets // self.min_steps, 1))


def require(condition: bool, message: str) -> None:
    """Refuse a setting outside its range.

    Raises:
        ValueError: with the message, when the condition is false.
    """
    if not condition:
        raise ValueError(message)


def require_share(value: float | None, name: str) -> None:
    """Refuse a share that is neither in [0, 1) nor left open.

    Raises:
        ValueError: names the setting.
    """
    require(value is None or 0 <= value < 1, f"{name} must be in [0, 1)")


def require_count(value: int | None, name: str) -> None:
    """Refuse a number below 0 that is not left open.

    Raises:
        ValueError: names the setting.
    """
    require(value is None or value >= 0, f"{name} must be 0 or more")

"""Which split something lies in, in plain Python.

Part of the slow reference, see `marts.py`. Comments in quotation marks are the
contract's words.
"""

import math
from collections.abc import Iterable

from tests.reference.sessions import Event, Rules, split_of

SPLITS = ("train", "val", "test")


def percentile(values: Iterable[float], q: float) -> float:
    """Percentile by linear interpolation between the two nearest values."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


class Splits:
    """The splits of one data set, by user or by time."""

    def __init__(self, kept: list[Event], rules: Rules) -> None:
        self.rules, self.cuts = rules, None
        if rules.split_method == "time":
            # "T1 and T2 are the percentiles split_train_until and split_val_until of
            # the kept events' ts_epoch (linear interpolation, floor)"
            shares = (rules.split_train_until, rules.split_val_until)
            times = [event.ts_epoch for event in kept]
            self.cuts = [math.floor(percentile(times, share)) for share in shares]

    @property
    def times(self) -> list[dict]:
        """The row of `split_times`, if there is one."""
        if self.cuts is None:
            return []
        names = ("dataset", "train_until", "val_until")
        return [dict(zip(names, (self.rules.dataset, *self.cuts), strict=True))]

    def of(self, user_id: str, ts_epoch: int) -> str:
        """The split of what a user did at a time."""
        if self.cuts is None:
            return split_of(user_id, self.rules)
        # "belongs to train if its label is before T1, to val if before T2, else to
        # test"
        return SPLITS[sum(ts_epoch >= cut for cut in self.cuts)]

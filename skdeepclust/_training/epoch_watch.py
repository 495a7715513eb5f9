"""A criterion that is followed through a phase, so that the best epoch can be kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

# A criterion in [0, 1] that falls by more: a loss that isn't the criterion may let it fall by a few
# hundredths without harm.
NOTABLE_FALL = 0.1
# Fewer epochs are no training to judge: the statistics of batch normalisation haven't settled.
FEWEST_EPOCHS = 5


class EpochWatch:
    """Follows a criterion through a phase, and keeps the network of the epoch where it was largest.

    A network's value is noted in the epoch after it: when that begins, where new targets follow
    from the same assignment, or when it has ended, where the value is a part of its loss.

    Parameters
    ----------
    criterion : callable
        Returns the value of the network as it is, in [0, 1] if training from one to a lower one
        is to be warned of.
    keep_best : bool
        Whether to keep the best epoch's network; otherwise only the first and the last value are
        found.
    part : str, default=None
        Part of the loss that is the value of the network with which an epoch began, in units of
        `unit`. `None`: the phase calls `note` in each epoch.
    unit : float, default=1.0
        By which the part is divided.
    each_epoch : bool, default=False
        Whether each epoch begins with the criterion, instead of a call of `note`.

    Attributes
    ----------
    values : list of float
        Value of the network with which the phase began, then after each epoch.
    lr : tuple of str and float
        Name and value of the parameter that was the learning rate.
    best : int
        Epoch after which the value was largest, the first of several; 0: before the phase.
    """

    def __init__(
        self,
        criterion: Callable[[], float],
        *,
        keep_best: bool,
        part: str | None = None,
        unit: float = 1.0,
        each_epoch: bool = False,
    ):
        self.criterion, self.keep_best = criterion, keep_best
        self.part, self.unit, self.each_epoch = part, unit, each_epoch
        self.values: list[float] = []
        self.lr: tuple[str, float] = ("lr", math.nan)
        self.best, self.n_epochs = 0, 0
        self._weights: dict[str, Any] = {}
        self._begun: dict[str, Any] = {}

    def begin_epoch(self, trained: nn.Module) -> None:
        """Take what may turn out to be the best network."""
        self._take(trained)
        if self.each_epoch:
            self.note(self.criterion)

    def _take(self, trained: nn.Module) -> None:
        if self.keep_best:
            self._begun = copy.deepcopy(trained.state_dict())

    def note(self, value: Callable[[], float]) -> None:
        """Note the value of the network with which the epoch has begun, if it is asked for."""
        if self.keep_best or not self.values:
            self._add(value())

    def end_epoch(self, row: Mapping[str, Any]) -> None:
        """Note the value from what the epoch has recorded."""
        if self.part is not None:
            self.note(lambda: row[f"train_{self.part}"] / self.unit)

    def finish(self, trained: nn.Module, n_epochs: int) -> None:
        """Value the network after the last epoch, and take the best one, if it is to be kept."""
        self.n_epochs = n_epochs
        self._take(trained)
        self._add(self.criterion())
        if self.keep_best and self.best < len(self.values) - 1:
            trained.load_state_dict(self._weights)
        self._weights, self._begun = {}, {}

    @property
    def value(self) -> float:
        """That of the network which was kept."""
        return self.values[self.best if self.keep_best else -1]

    def warning(self) -> str | None:
        """Return what is to be said if training has made the clusters worse."""
        before, after = self.values[0], self.values[-1]
        name, lr = self.lr
        if before - after <= NOTABLE_FALL or self.n_epochs < FEWEST_EPOCHS:
            return None
        advice = (
            f"The network of epoch {self.best} is kept, with {self.value:.4g}."
            if self.keep_best
            else "restore_best=True keeps the best epoch."
        )
        return (
            f"The clustering phase has made the clusters worse: the criterion, of at most 1, fell "
            f"from {before:.4g} to {after:.4g}. Lower `{name}` (now {lr:g}) or `max_epochs`. "
            f"{advice}"
        )

    def _add(self, value: float) -> None:
        if not self.values or value > max(self.values):
            self.best, self._weights = len(self.values), self._begun
        self.values.append(value)

    # -- for checkpoints, which are written between two epochs
    def state_dict(self) -> dict[str, Any]:
        return {"values": list(self.values), "best": self.best, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values, self.best = list(state["values"]), state["best"]
        self._weights = state["weights"]

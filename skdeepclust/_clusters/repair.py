"""Repair of training that goes wrong: the best epoch is kept, clusters that die are split anew."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skdeepclust.losses._clustering import add_rows_

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

    Attributes
    ----------
    values : list of float
        Value of the network with which the phase began, then after each epoch.
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
    ):
        self.criterion, self.keep_best = criterion, keep_best
        self.part, self.unit = part, unit
        self.values: list[float] = []
        self.best, self.n_epochs = 0, 0
        self._weights: dict[str, Any] = {}
        self._begun: dict[str, Any] = {}

    def begin_epoch(self, trained: nn.Module) -> None:
        """Take what may turn out to be the best network."""
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
        self.begin_epoch(trained)
        self._add(self.criterion())
        if self.keep_best and self.best < len(self.values) - 1:
            trained.load_state_dict(self._weights)
        self._weights, self._begun = {}, {}

    @property
    def value(self) -> float:
        """That of the network which was kept."""
        return self.values[self.best if self.keep_best else -1]

    def warning(self, lr: float) -> str | None:
        """Return what is to be said if training has made the clusters worse."""
        before, after = self.values[0], self.values[-1]
        if before - after <= NOTABLE_FALL or self.n_epochs < FEWEST_EPOCHS:
            return None
        advice = (
            f"The network of epoch {self.best} is kept, with {self.value:.4g}."
            if self.keep_best
            else "restore_best=True keeps the best epoch."
        )
        return (
            f"The clustering phase has made the clusters worse: the criterion, of at most 1, fell "
            f"from {before:.4g} to {after:.4g}. Lower `lr` (now {lr:g}) or `max_epochs`. {advice}"
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


def split_into_dead(
    points: Tensor,
    labels: Tensor,
    centers: Tensor,
    sample_weight: Tensor,
    share: Tensor | None = None,
) -> int:
    """Let each centre without samples have half of the largest cluster.

    That cluster is cut through its mean, across its principal direction, and both centres become
    the means of its halves. A cluster of equal points can't be cut.

    Parameters
    ----------
    points : Tensor of shape (n, n_components)
        Samples.
    labels : Tensor of int64 of shape (n,)
        Centre of each sample.
    centers : Tensor of shape (n_clusters, n_components)
        Centres; changed in place.
    sample_weight : Tensor of shape (n,)
        Positive weights of the samples.
    share : Tensor of shape (n_clusters,), default=None
        Shares that clusters are expected to have, by which their sizes are compared; `None`: the
        same for all.

    Returns
    -------
    int
        How many centres were moved.
    """
    labels = labels.clone()
    size = add_rows_(torch.zeros_like(centers[:, 0]), labels, sample_weight.to(centers))
    empty = (size == 0).nonzero().flatten().tolist()
    for moved, dead in enumerate(empty):
        largest = int((size if share is None else size / share).argmax())
        members = (labels == largest).nonzero().flatten()
        rest = points[members] - points[members].mean(0)
        direction = torch.linalg.eigh(rest.T @ rest).eigenvectors[:, -1]
        half = members[rest @ direction > 0]
        if not 0 < len(half) < len(members):
            return moved
        labels[half] = dead
        for cluster in (largest, dead):
            own = labels == cluster
            centers[cluster] = points[own].mean(0)
            size[cluster] = sample_weight[own].sum()
    return len(empty)

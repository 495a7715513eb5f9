"""What is a sample's positive: a changed copy of it, or what lies between it and a neighbour."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._clusters.categories import categorical_columns
from skdeepclust._engine.batches import Batches
from skdeepclust._engine.runner import Runner
from skdeepclust._engine.stored_arrays import StoredArray
from skdeepclust.augmentation import (
    RowwiseAugmentation,
    check_augmentation,
    in_two_steps,
    resolve_augmentation,
)

# On another device than the CPU rows are held there, up to so many bytes: to fetch them from here
# would wait for the device at each batch.
MAX_BYTES = 2e9


class Positives(Protocol):
    """Draws for the samples of a batch, and makes their positives of what was drawn."""

    def draw(self, x: Tensor, idx: Tensor, /) -> tuple[Tensor, ...]:
        """Return any number of tensors with a row for each sample."""
        ...

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return the positives of some samples; that of one depends on no other."""
        ...


@dataclass(frozen=True)
class ChangedCopies:
    """Copies of the samples that an augmentation has changed.

    Parameters
    ----------
    augmentation : RowwiseAugmentation
        Changes them.
    """

    augmentation: RowwiseAugmentation

    def draw(self, x: Tensor, idx: Tensor, /) -> tuple[Tensor, ...]:
        """Draw how each sample is to be changed."""
        return self.augmentation.draw(x)

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return changed copies."""
        return self.augmentation.apply_drawn(x, *drawn)


@dataclass(frozen=True)
class NeighborMixtures:
    r"""Points between samples and their neighbours, :math:`x' = x + u (x_j - x)`.

    j is one of the neighbours of x, and u uniform in [0, 1]. Noise of rows of features carries
    nothing of their classes; features of which a sample has one, such as categories in one-hot
    code, it turns into what no sample has. What neighbours differ in, samples of a class do.
    Where columns hold categories, x' has all of those of the sample that it is nearer to.

    Parameters
    ----------
    rows : Batches
        The samples.
    neighbors : Tensor of int64 of shape (n_samples, n_neighbors)
        Neighbours of each sample.
    categorical : Tensor of bool of shape (n_features,), default=None
        Columns that hold categories.
    """

    rows: Batches
    neighbors: Tensor
    categorical: Tensor | None = None

    def draw(self, x: Tensor, idx: Tensor, /) -> tuple[Tensor, ...]:
        """Draw a neighbour of each sample, and how far it is to go there."""
        which = torch.randint(self.neighbors.shape[1], idx.shape, device=idx.device)
        other = self.rows.gather(self.neighbors[idx, which])
        return other, torch.rand_like(x.flatten(1)[:, 0])

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return points between."""
        other, share = drawn
        share = share.view(-1, *[1] * (x.ndim - 1))
        between = torch.lerp(x, other, share)
        if self.categorical is None:
            return between
        return torch.where(self.categorical, torch.where(share < 0.5, x, other), between)


def positives_of(
    augmentation: Any,
    runner: Runner,
    X: Any,
    neighbors: Tensor | None,
    categorical_features: Any = None,
    names: np.ndarray | None = None,
) -> Positives | None:
    """Return what makes positives; `None` if nothing does.

    Parameters
    ----------
    augmentation : {"auto"}, callable or None
        The parameter of an estimator.
    runner : Runner
        Tells what samples look like.
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        The samples.
    neighbors : Tensor of int64 of shape (n_samples, n_neighbors) or None
        Neighbours of each sample.
    categorical_features : {"auto"}, array-like or None
        The parameter of an estimator, for positives between neighbours.
    names : ndarray of str of shape (n_features,) or None
        Names of the columns of X.
    """
    if mixes_neighbors(augmentation, runner.input_shape) and neighbors is not None:
        rows = _in_memory(runner, X)
        if rows is None:
            return None
        columns = categorical_columns(categorical_features, X, names, runner.input_shape)
        on_device = None if columns is None else torch.from_numpy(columns).to(runner.device)
        return NeighborMixtures(rows, neighbors, on_device)
    resolved = resolve_augmentation(augmentation, runner.input_shape)
    if isinstance(resolved, nn.Module):  # a fit would leave gradients and statistics in it
        resolved = copy.deepcopy(resolved)
    check_augmentation(resolved, runner.infer(lambda x: x, X[:8]))
    return None if resolved is None else ChangedCopies(in_two_steps(resolved))


def mixes_neighbors(augmentation: Any, input_shape: tuple[int, ...]) -> bool:
    """Tell whether positives lie between neighbours, if these are known: those of rows do."""
    return isinstance(augmentation, str) and augmentation == "auto" and len(input_shape) < 3


def _in_memory(runner: Runner, X: Any) -> Batches | None:
    """Return the rows where single ones are fetched in no time, or `None`."""
    if isinstance(X, StoredArray):
        return None
    if runner.device.type == "cpu" or isinstance(X, Tensor):
        return runner.batches(X)
    if X.shape[0] * X.shape[1] * runner.dtype.itemsize > MAX_BYTES:
        return None
    return runner.batches(runner.infer(lambda x: x, X), sample_shape=runner.input_shape)

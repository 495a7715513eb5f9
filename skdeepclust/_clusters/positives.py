"""What is a sample's positive: a changed copy of it, or what lies between it and a neighbour."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._clusters.categories import categorical_columns
from skdeepclust._clusters.known.links import NOTHING, Links
from skdeepclust._engine.runner import Batches, Runner
from skdeepclust._engine.stored_arrays import BUFFER_BYTES, StoredArray
from skdeepclust.augmentation import (
    RowwiseAugmentation,
    check_augmentation,
    in_two_steps,
    resolve_augmentation,
)

# On another device than the CPU rows are held there, up to so many bytes: to fetch them from here
# would wait for the device at each batch.
MAX_BYTES = 2e9
# Stored rows, single ones of which take long, are held in memory up to so many.
MAX_STORED_BYTES = BUFFER_BYTES


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


class LinkedPositives:
    """Positives of samples, or in half of the draws those of samples that share their cluster.

    Parameters
    ----------
    positives : Positives
        Make the positive of a sample.
    samples : Tensor of shape (n_linked, ...)
        Linked samples, as the network takes them.
    rows : Tensor of int64 of shape (n_linked,)
        Which these are.
    group : Tensor of int64 of shape (n_samples,)
        Group of each sample, -1 of those that aren't linked.
    """

    def __init__(self, positives: Positives, samples: Tensor, rows: Tensor, group: Tensor):
        self.positives, self.group = positives, group
        self.order = torch.argsort(group[rows], stable=True)
        self.samples, self.rows = samples, rows
        self.size = torch.bincount(group[rows], minlength=int(group.max()) + 1)
        self.first = self.size.cumsum(0) - self.size

    def draw(self, x: Tensor, idx: Tensor, /) -> tuple[Tensor, ...]:
        """Draw of whom the positive is to be, and what makes it."""
        group = self.group[idx]
        size = torch.where(group < 0, 0, self.size[group])
        which = self.first[group] + (torch.rand_like(x.flatten(1)[:, 0]) * size).long()
        taken = (torch.rand_like(x.flatten(1)[:, 0]) < 0.5) & (size > 1)
        place = self.order[torch.where(taken, which, 0)]
        idx = torch.where(taken, self.rows[place], idx)
        x = torch.where(taken.view(-1, *[1] * (x.ndim - 1)), self.samples[place], x)
        return x, *self.positives.draw(x, idx)

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return the positives."""
        return self.positives.apply_drawn(*drawn)


def two_views(
    runner: Runner,
    embed: Callable[[Tensor], Tensor],
    positives: Positives | None,
    x: Tensor,
    idx: Tensor,
) -> tuple[Tensor, Tensor]:
    """Embed samples and their positives, in one batch for the batch statistics.

    Parameters
    ----------
    runner : Runner
        Runs the network.
    embed : callable
        Returns the embedding (n, n_components) of a batch.
    positives : Positives or None
        Make the positive of a sample; `None`: it is its own.
    x : Tensor of shape (n, ...)
        A batch of samples.
    idx : Tensor of int64 of shape (n,)
        Which these are.
    """
    if positives is None:
        embedding = embed(x)
        return embedding, embedding

    def both(x: Tensor, *drawn: Tensor) -> Tensor:
        return embed(torch.cat([x, positives.apply_drawn(x, *drawn)]))

    views = runner.by_rows(both, x, *positives.draw(x, idx), n_views=2)
    anchor, positive = views.chunk(2)
    return anchor, positive


def positives_of(
    augmentation: Any,
    runner: Runner,
    X: Any,
    neighbors: Tensor | None,
    links: Links = NOTHING,
    columns: tuple[Any, np.ndarray | None] = (None, None),
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
    links : Links, default=NOTHING
        What is known of the samples.
    columns : tuple
        Which hold categories, {"auto"}, array-like or None as an estimator's parameter, and the
        names of the columns of X, ndarray of str of shape (n_features,) or None.
    """
    positives = _without_links(augmentation, runner, X, neighbors, columns)
    if positives is None or not links:
        return positives
    n_most = max(1, int(MAX_BYTES / (X.shape[1] * runner.dtype.itemsize)))
    rows = links.rows[:n_most]
    samples = runner.infer(lambda x: x, X[rows])
    index, group = (torch.from_numpy(each).to(samples.device) for each in (rows, links.group))
    return LinkedPositives(positives, samples, index, group)


def _without_links(
    augmentation: Any, runner: Runner, X: Any, neighbors: Tensor | None, columns: tuple[Any, Any]
) -> Positives | None:
    """Return what makes the positive of a sample by itself, or by its neighbours."""
    given, names = columns
    mask = None
    if not isinstance(given, str):  # what is wrong is told where it has no effect, too
        mask = categorical_columns(given, X, names, runner.input_shape)
    if mixes_neighbors(augmentation, runner.input_shape) and neighbors is not None:
        rows = _in_memory(runner, X)
        if rows is None:
            return None
        if isinstance(given, str):
            mask = categorical_columns(given, X, names, runner.input_shape)
        on_device = None if mask is None else torch.from_numpy(mask).to(runner.device)
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
    is_stored = isinstance(X, StoredArray)
    if not is_stored and (runner.device.type == "cpu" or isinstance(X, Tensor)):
        return runner.batches(X)
    most = MAX_STORED_BYTES if is_stored else MAX_BYTES
    if X.shape[0] * X.shape[1] * runner.dtype.itemsize > most:
        return None
    return runner.batches(runner.infer(lambda x: x, X), sample_shape=runner.input_shape)

"""The nearest neighbours of the samples in the input, whatever holds them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.runner import Runner
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust.graph._device_search import nearest_rows

# Neighbours are those in this many principal components ...
N_COMPONENTS = 50
# ... which are found on at most this many samples, of so many values together if that still
# leaves the smaller number.
MAX_PCA_SAMPLES = 20_000
MAX_PCA_VALUES = 16_000_000
MIN_PCA_SAMPLES = 500
# With more features than these, a randomised search for them is the faster one.
MAX_COVARIANCE_FEATURES = 1_000
# Of more samples than these, so many may be neighbours: the search takes as long for each sample
# then, however many there are.
MAX_CANDIDATES = 100_000


class Projection(NamedTuple):
    """Principal components: the origin (n_features,) and the axes (n_features, n_components)."""

    origin: np.ndarray
    axes: np.ndarray

    def __call__(self, x: Tensor) -> Tensor:
        origin, axes = (torch.from_numpy(part).to(x) for part in self)
        return (x.flatten(1) - origin) @ axes


def input_neighbors(
    runner: Runner, X, projection: Projection, n_neighbors: int, search: Any = None
) -> Tensor:
    """Return the indices (n_samples, n_neighbors) of the nearest samples in the input.

    Parameters
    ----------
    runner : Runner
        Tells what samples look like, and where they are computed with.
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    projection : Projection
        Where they are compared.
    n_neighbors : int
        Number of neighbours.
    search : transformer, default=None
        Finds them; `None`: an exact search.
    """
    components = runner.infer(projection, X)
    candidates = None
    if search is None and X.shape[0] > MAX_CANDIDATES:
        candidates = some_rows(X.shape[0], MAX_CANDIDATES)
    return nearest_rows(components, n_neighbors, candidates, search)


def principal_components(
    runner: Runner, X, prepare: Callable[[Tensor], Tensor] | None = None
) -> Projection:
    """Return the projection of samples, or of what `prepare` makes of a batch of them."""
    n_features = prod(X.shape[1:])
    at_most = min(MAX_PCA_SAMPLES, max(MIN_PCA_SAMPLES, MAX_PCA_VALUES // n_features))
    rows = some_rows(X.shape[0], at_most)
    flat = prepare or (lambda x: x.flatten(1))
    few = runner.infer(flat, X if rows is None else rows_of(X, rows))
    if few.device.type == "cuda" and few.shape[1] <= MAX_COVARIANCE_FEATURES:
        return principal_axes(few, min(N_COMPONENTS, *few.shape))
    few = few.numpy(force=True)
    with plain_arrays(), np.errstate(invalid="ignore"):  # equal rows
        n_components = min(N_COMPONENTS, *few.shape)
        wide = few.shape[1] > MAX_COVARIANCE_FEATURES
        solver = "randomized" if wide else "covariance_eigh"
        pca = PCA(n_components, svd_solver=solver, random_state=0).fit(few)
    return Projection(pca.mean_, np.ascontiguousarray(pca.components_.T))


def principal_axes(rows: Tensor, n_components: int) -> Projection:
    """Return the projection on the axes of the largest variance, computed where the rows are."""
    mean = rows.double().mean(0)
    centered = rows.double() - mean
    axes = torch.linalg.eigh(centered.T @ centered).eigenvectors.flip(1)[:, :n_components]
    # an axis has two directions: as in scikit-learn its largest component is positive
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    return Projection(mean.cpu().numpy(), np.ascontiguousarray(axes.cpu().numpy()))


def some_rows(n_samples: int, at_most: int) -> np.ndarray | None:
    """Draw `at_most` rows in their order; `None` stands for all."""
    seed = int(torch.randint(2**31 - 1, ()))
    if n_samples <= at_most:
        return None
    return np.sort(np.random.default_rng(seed).choice(n_samples, at_most, replace=False))

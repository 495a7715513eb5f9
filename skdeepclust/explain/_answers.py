"""What is asked of any clusterer: the cluster of each sample, and where clusters lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust._engine.sparse import is_sparse
from skdeepclust.meta._base import Embedding, centers_of, embedding_of, indexed, some_rows
from skdeepclust.plotting._shared.canvas import to_numpy
from skdeepclust.plotting._shared.selection import check_cluster_labels

ROWS_AT_ONCE = 2000


class Clustering(NamedTuple):
    """What a clusterer says of samples."""

    labels: np.ndarray  # -1 of samples that it refuses
    embedding: Embedding

    @property
    def clusters(self) -> np.ndarray:
        """Return the numbers of the clusters that have samples."""
        return np.unique(self.labels[self.labels >= 0])


def ask(clusterer: Any, X: Any) -> Clustering:
    """Ask a fitted clusterer, or a pipeline that ends in one, about samples."""
    labels = labels_of(clusterer, X)
    try:
        embedding = embedding_of(clusterer, X, "auto")
    except (TypeError, ValueError) as error:
        if is_table(X) or hasattr(clusterer, "transform"):
            raise
        raise TypeError(
            f"{type(clusterer).__name__} has no transform, and X holds no numbers: nothing tells "
            "where samples lie. Give a pipeline that ends in the clusterer, such as "
            "make_pipeline(TfidfVectorizer(), KMeans())."
        ) from error
    return Clustering(labels, embedding)


def labels_of(clusterer: Any, X: Any) -> np.ndarray:
    """Return the cluster of each sample, -1 if the clusterer refuses it."""
    check_is_fitted(clusterer)
    n_samples = indexed(X)[2]
    if hasattr(clusterer, "predict"):
        labels = in_numpy(clusterer.predict(X), "predict(X)")
        return check_cluster_labels(labels, None)
    found = [each.labels_ for each in layers(clusterer) if hasattr(each, "labels_")]
    name = type(clusterer).__name__
    if not found:
        raise TypeError(f"{name} has neither predict nor labels_: give a fitted clusterer.")
    labels = check_cluster_labels(in_numpy(found[0], "labels_"), None)
    if len(labels) != n_samples:
        raise ValueError(
            f"X has {n_samples} samples, but {name} has no predict, and labels_ of "
            f"{len(labels)}: give the X of its fit."
        )
    return labels


def layers(clusterer: Any, *, deep: bool = False) -> Iterator[Any]:
    """Yield a clusterer and what it passes questions on to: last steps, what searches have found.

    With `deep` also what meta-estimators are put around, whose clusters may be others.
    """
    names = ("best_estimator_", "estimator_") if deep else ("best_estimator_",)
    while clusterer is not None:
        yield clusterer
        steps = getattr(clusterer, "steps", None)
        inside = [getattr(clusterer, name, None) for name in names]
        clusterer = steps[-1][1] if steps else next((e for e in inside if e is not None), None)


def is_table(X: Any, name: str = "X") -> bool:
    """Tell whether samples are rows of numbers, or arrays of numbers of one shape."""
    X = in_numpy(X, name)
    try:
        array = X if hasattr(X, "dtype") else np.asarray(X)
    except (TypeError, ValueError):  # rows of different lengths
        return False
    if array.dtype.kind == "O":
        return array.ndim > 1 and not any(isinstance(value, str) for value in array.flat)
    return array.dtype.kind in "biuf" and array.ndim > 1


def as_table(X: Any, name: str = "X") -> Any:
    """Return samples that are one as a matrix (n_samples, n_features), in memory.

    Values may be missing, NaN; infinite ones are refused.
    """
    X = in_numpy(X, name)
    if is_sparse(X):
        table = X.tocsr()
    else:
        array = np.asarray(X)
        array = array.astype(np.float64) if array.dtype.kind not in "f" else array
        table = array.reshape(len(array), math.prod(array.shape[1:]))
    if np.isinf(table.data if is_sparse(table) else table).any():
        raise ValueError(
            f"{name} holds infinity: put the largest number of the feature in its place, or NaN "
            "where the value isn't known."
        )
    return table


def row_taker(X: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that gives some rows of samples, which may be stored, as an array."""
    rows_of_X = indexed(X)[0]
    return lambda rows: to_numpy(in_numpy(some_rows(rows_of_X, rows), "X"))


def mean_of_members(
    take: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Return the mean of each cluster's members (n_clusters, ...), without missing values."""
    means = []
    for cluster in clusters:
        members = np.flatnonzero(labels == cluster)
        blocks = np.split(members, np.arange(ROWS_AT_ONCE, len(members), ROWS_AT_ONCE))
        values = [take(block).astype(np.float64) for block in blocks]
        n_known = sum((~np.isnan(each)).sum(axis=0) for each in values)
        total = sum(np.nansum(each, axis=0) for each in values)
        means.append(np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan))
    return np.stack(means)


def centers_in_embedding(clusterer: Any, clustering: Clustering) -> np.ndarray:
    """Return the centres of the clusters that have samples: the clusterer's own, or their means."""
    labels, embedding = clustering
    clusters, n_components = clustering.clusters, embedding.shape[1]
    for each in layers(clusterer):
        own = getattr(each, "cluster_centers_", None)
        if own is None:
            continue
        own = to_numpy(in_numpy(own, "cluster_centers_"))
        if own.ndim == 2 and own.shape[1] == n_components and clusters.max() < len(own):
            return own[clusters].astype(np.float64)
    rows = np.flatnonzero(labels >= 0)
    return centers_of(embedding[rows], np.searchsorted(clusters, labels[rows]))

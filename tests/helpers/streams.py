"""Samples that come in parts, and clusterers of them whose answers are known."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from skdeepclust.meta import StreamClusterer

CORNERS = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [30.0, 30.0]])


def blobs(*places: int, seed: int = 0, each: int = 120) -> np.ndarray:
    """Return samples around some of the corners, in a random order."""
    return make_blobs(len(places) * each, centers=CORNERS[list(places)], random_state=seed)[0]


def stream(n_clusters: int = 3, **options) -> StreamClusterer:
    inside = KMeans(n_clusters, n_init=3, random_state=0)
    return StreamClusterer(inside, random_state=0, **options)


class Told(ClusterMixin, BaseEstimator):
    """Clusters by the first column, under the names of a table."""

    def __init__(self, names=(0, 1, 2, 3)):
        self.names = names

    def fit(self, X, y=None):
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return np.asarray(self.names)[np.asarray(X)[:, 0].astype(int)]


def told(*counts: int) -> np.ndarray:
    """Return so many samples of each of the clusters."""
    return np.repeat(np.arange(len(counts)), counts)[:, None].astype(float)

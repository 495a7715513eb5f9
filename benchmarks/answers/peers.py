"""What others have for the same questions: packages that aren't installed with the benchmarks.

pip install --no-deps hdbscan evoc clustpy k-means-constrained river; they need numba, ortools and
six, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.compare.samples import Samples

HDBSCAN_SCORES = "HDBSCAN, outlier scores"
BOUNDED_KMEANS = "k-means-constrained"
DBSTREAM = "river's DBSTREAM"
MIN_CLUSTER_SIZE, MIN_SAMPLES = 20, 10


def hdbscan(X: np.ndarray) -> Any:
    from hdbscan import HDBSCAN

    options = {"min_cluster_size": MIN_CLUSTER_SIZE, "min_samples": MIN_SAMPLES}
    return HDBSCAN(**options, prediction_data=True).fit(X.astype(np.float64))


def outlier_scores(X: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return HDBSCAN's outlier scores (GLOSH) of new samples; higher: less usual."""
    from hdbscan import approximate_predict_scores

    return np.nan_to_num(approximate_predict_scores(hdbscan(X), asked.astype(np.float64)))


# ---------------------------------------------------------------- how many


def xmeans(X: np.ndarray, seed: int) -> np.ndarray:
    from clustpy.centroid.xmeans import XMeans

    return XMeans(random_state=seed).fit(X.astype(np.float64)).labels_


def dipmeans(X: np.ndarray, seed: int) -> np.ndarray:
    from clustpy.centroid.dipmeans import DipMeans

    return DipMeans(random_state=seed).fit(X.astype(np.float64)).labels_


def evoc(X: np.ndarray, seed: int) -> np.ndarray:
    from evoc import EVoC

    return EVoC(random_state=seed).fit_predict(X.astype(np.float32))


COUNTERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "X-means": xmeans,
    "DipMeans": dipmeans,
    "HDBSCAN": lambda X, seed: hdbscan(X).labels_,
    "EVoC": evoc,
}


def number(samples: Samples, setting: str, seed: int) -> Record:
    """Let an algorithm find the number of clusters in the input; noise is no cluster."""
    with Cost() as cost:
        labels = np.asarray(COUNTERS[setting](samples.X, seed))
    return {
        "n_classes": samples.n_classes,
        "found": len(np.unique(labels[labels >= 0])),
        "noise": float((labels < 0).mean()),
        "ARI": float(adjusted_rand_score(samples.y, labels)),
        **cost.record,
    }


# ---------------------------------------------------------------- of which size


def bounded_kmeans(n_clusters: int, least: int, most: int, seed: int) -> Any:
    from k_means_constrained import KMeansConstrained

    bounds = {"size_min": least, "size_max": most}
    return KMeansConstrained(n_clusters, **bounds, n_init=1, random_state=seed)


# ---------------------------------------------------------------- what is new


class Dbstream:
    """DBSTREAM of river, which finds clusters as they come, as scikit-learn would have it.

    Its threshold is the median distance of samples of the first part to their tenth neighbour.
    """

    def __init__(self, first: np.ndarray) -> None:
        from river.cluster import DBSTREAM as Clusterer
        from sklearn.neighbors import NearestNeighbors

        distances = NearestNeighbors(n_neighbors=10).fit(first).kneighbors()[0]
        self.model = Clusterer(clustering_threshold=float(np.median(distances[:, -1])))

    def partial_fit(self, X: np.ndarray) -> None:
        for row in X:
            self.model.learn_one(dict(enumerate(row.tolist())))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.array([self.model.predict_one(dict(enumerate(row.tolist()))) for row in X])

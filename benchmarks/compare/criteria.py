"""Criteria of a partition that see no classes."""

from __future__ import annotations

import base64
import zlib
from importlib import metadata
from weakref import WeakKeyDictionary

import numpy as np
from scipy.stats import entropy
from sklearn.decomposition import PCA
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)

from benchmarks.common.records import Record
from benchmarks.compare.fitted import Fitted
from benchmarks.compare.samples import Samples
from skdeepclust.graph import nearest_neighbors, neighbor_information
from skdeepclust.metrics import clustering_accuracy_score

PEERS = ("clustpy", "umap-learn", "torchvision", "numba", "evoc", "gemclus")
# Silhouettes are means over so many samples.
N_SILHOUETTE = 2_000
# A sample is rejected if its largest probability is smaller.
CONFIDENT = 0.9

# Criteria that see no classes; larger is better.
CRITERIA = {
    "score": "`score`",
    "loss": "minus the last loss",
    "confidence": "mean largest probability",
    "embedding_silhouette": "silhouette in the embedding",
    "embedding_calinski_harabasz": "Calinski-Harabasz in the embedding",
    "embedding_davies_bouldin": "minus Davies-Bouldin in the embedding",
    "input_neighbors": "information of neighbours in the input",
    "input_neighbors_share": "information of neighbours / entropy",
    "input_silhouette": "silhouette in the input",
    "input_calinski_harabasz": "Calinski-Harabasz in the input",
    "input_davies_bouldin": "minus Davies-Bouldin in the input",
}


_graphs: WeakKeyDictionary = WeakKeyDictionary()


def components(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Return 50 principal components of the samples, and the 10 nearest neighbours in them."""
    known = _graphs.get(samples)
    if known is None:
        n_components = min(50, *samples.X.shape)
        points = PCA(n_components, random_state=0).fit_transform(samples.X)
        known = _graphs[samples] = points, nearest_neighbors(points, 10)
    return known


def criteria(result: Fitted, samples: Samples) -> Record:
    """Return what needs no classes: of the labels in the input, and in the own embedding."""
    labels = np.asarray(result.labels)
    if len(np.unique(labels)) < 2:
        return {}
    points, neighbors = components(samples)
    information = neighbor_information(labels, neighbors)
    _, counts = np.unique(labels, return_counts=True)
    told = {
        "input_neighbors": information,
        "input_neighbors_share": information / float(entropy(counts)),
        "input_silhouette": silhouette(points, labels),
        "input_calinski_harabasz": float(calinski_harabasz_score(points, labels)),
        "input_davies_bouldin": -float(davies_bouldin_score(points, labels)),
    }
    model = result.clusterer
    if model is not None:
        embedding = model.transform(samples.X)
        confidence = model.predict_proba(samples.X).max(1)
        told |= {
            "score": model.score(samples.X),
            "embedding_silhouette": silhouette(embedding, labels),
            "embedding_calinski_harabasz": float(calinski_harabasz_score(embedding, labels)),
            "embedding_davies_bouldin": -float(davies_bouldin_score(embedding, labels)),
            "loss": -model.history_[-1]["loss"] if model.history_ else None,
            "rejected": float((confidence < CONFIDENT).mean()),
            "confidence": float(confidence.mean()),
        }
        kept = confidence >= CONFIDENT
        told["kept_ACC"] = None
        if kept.any():
            told["kept_ACC"] = clustering_accuracy_score(samples.y[kept], labels[kept])
    return told


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    rows = np.random.default_rng(0).permutation(len(points))[:N_SILHOUETTE]
    if len(np.unique(labels[rows])) < 2:
        return float("nan")
    return float(silhouette_score(points[rows], labels[rows]))


def packed(labels: np.ndarray) -> str:
    """Return labels between 0 and 255 as text."""
    return base64.b85encode(zlib.compress(np.asarray(labels).astype(np.uint8).tobytes())).decode()


def unpacked(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), np.uint8)


def versions_of_peers() -> Record:
    found = {}
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found

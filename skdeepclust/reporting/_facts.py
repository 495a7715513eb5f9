"""What a report tells of a clustering: sizes, how sure it is, members, what might be merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust.explain._answers import Clustering, ask, centers_in_embedding
from skdeepclust.meta._hierarchical import tree_of
from skdeepclust.plotting._shared.canvas import draw_rows
from skdeepclust.plotting._shared.selection import number_of_clusters, rank

N_NEIGHBORS = 10
# Samples whose neighbours are looked up: shares of them are known to one in a hundred.
MOST_ASKED = 5000
N_EXEMPLARS, MOST_LISTED = 8, 12


@dataclass
class Facts:
    """What is known of a clustering; clusters are those that have samples, in ascending order."""

    clustering: Clustering
    clusters: np.ndarray
    sizes: np.ndarray
    empty: list[int]
    """Numbers of clusters without a sample."""
    exemplars: list[np.ndarray]
    """Rows of the members nearest to the centre of each cluster."""
    borderline: np.ndarray
    runner_up: np.ndarray
    margin: np.ndarray
    """The second cluster of each sample, and how far behind it is."""
    by_probability: bool
    refused: np.ndarray
    n_refused: int
    measures: dict[str, np.ndarray]
    """A value of each cluster, by the name of what it measures."""
    n_asked: int
    mergers: list[tuple[list[int], list[int], float]]
    """Groups of clusters that may be one, and the distance of their merger."""


def facts_of(clusterer: Any, X: Any, random_state: Any) -> Facts:
    """Ask a clusterer about samples, and look up what its answers amount to."""
    clustering = ask(clusterer, X)
    labels, clusters = clustering.labels, clustering.clusters
    if not len(clusters):
        raise ValueError("clusterer refuses all samples of X: there is no cluster to show.")
    probabilities = _probabilities(clusterer, X, clusters)
    with plain_arrays():
        centers = centers_in_embedding(clusterer, clustering)
        distances = euclidean_distances(clustering.embedding, centers)
    place = np.searchsorted(clusters, labels)  # of refused samples that of the first
    borders = _borders(distances, place, probabilities)
    agreement, weight, n_asked = _neighborhoods(clustering, random_state)
    known = np.flatnonzero(labels >= 0)
    closest = np.lexsort((borders[2][known], np.round(borders[1][known], 6)))[:MOST_LISTED]
    far = np.flatnonzero(labels < 0)
    far = far[np.argsort(-distances[far].min(axis=1), kind="stable")]
    possible = range(number_of_clusters(clusterer) or 0)
    return Facts(
        clustering=clustering,
        clusters=clusters,
        sizes=np.bincount(place[known], minlength=len(clusters)),
        empty=sorted(set(possible) - set(clusters.tolist())),
        exemplars=_exemplars(labels, clusters, distances, probabilities),
        borderline=known[closest] if len(clusters) > 1 else known[:0],
        runner_up=clusters[borders[0]],
        margin=borders[1],
        by_probability=probabilities is not None,
        refused=far[:MOST_LISTED],
        n_refused=len(far),
        measures=_measures(clusterer, clustering, probabilities, agreement),
        n_asked=n_asked,
        mergers=_mergers(weight, clusters),
    )


def _probabilities(clusterer: Any, X: Any, clusters: np.ndarray) -> np.ndarray | None:
    """Return the probabilities of the clusters that have samples, if there are any."""
    if not hasattr(clusterer, "predict_proba"):
        return None
    found = in_numpy(clusterer.predict_proba(X), "predict_proba(X)")
    found = np.asarray(found, dtype=np.float64)
    columns = _columns_of(clusters, clusterer, found.shape[1]) if found.ndim == 2 else None
    return None if columns is None else found[:, columns]


def _columns_of(clusters: np.ndarray, clusterer: Any, n_columns: int) -> np.ndarray | None:
    """Return the columns of clusters: their numbers, unless only those of the fit have a column."""
    *_, (_, last) = getattr(clusterer, "steps", [("", clusterer)])
    known = np.unique(np.asarray(getattr(last, "labels_", []), dtype=int))
    known = known[known >= 0]
    if len(known) == n_columns and np.isin(clusters, known).all():
        return np.searchsorted(known, clusters)
    return clusters if n_columns > clusters.max() else None


def _borders(
    distances: np.ndarray, place: np.ndarray, probabilities: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the second cluster of each sample, how far behind it is, and that by distances."""
    rows, n_clusters = np.arange(len(place)), distances.shape[1]
    if n_clusters == 1:
        return np.zeros(len(rows), int), np.ones(len(rows)), np.ones(len(rows))
    others = distances.copy()
    others[rows, place] = np.inf
    second, away = others.argmin(axis=1), others.min(axis=1)
    near = distances[rows, place]
    by_distance = 1 - near / np.maximum(away, np.finfo(float).tiny)
    if probabilities is None:
        return second, by_distance, by_distance
    others = probabilities.copy()
    others[rows, place] = -np.inf
    # where nothing but the first has a probability, the nearest one is second
    largest = others.max(axis=1)
    second = np.where(largest > 0, others.argmax(axis=1), second)
    return second, probabilities[rows, place] - largest, by_distance


def _exemplars(
    labels: np.ndarray,
    clusters: np.ndarray,
    distances: np.ndarray,
    probabilities: np.ndarray | None,
) -> list[np.ndarray]:
    found = []
    for column, cluster in enumerate(clusters):
        rows = np.flatnonzero(labels == cluster)
        sure = np.zeros(len(rows)) if probabilities is None else probabilities[rows, column]
        found.append(rows[rank(sure, distances[rows, column])[:N_EXEMPLARS]])
    return found


def _neighborhoods(clustering: Clustering, random_state: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the share of neighbours in the same cluster, and the edges between clusters."""
    labels, clusters = clustering.labels, clustering.clusters
    known = np.flatnonzero(labels >= 0)
    embedding, place = clustering.embedding[known], np.searchsorted(clusters, labels[known])
    n_neighbors = min(N_NEIGHBORS, len(known) - 1)
    shape = (len(clusters), len(clusters))
    if n_neighbors < 1:
        return np.full(len(clusters), np.nan), np.zeros(shape), 0
    rows = draw_rows(len(known), MOST_ASKED, random_state)
    with plain_arrays():
        search = NearestNeighbors(n_neighbors=n_neighbors + 1).fit(embedding)
        near = search.kneighbors(embedding[rows], return_distance=False)
    is_other = near != rows[:, None]
    is_other[is_other.all(axis=1), -1] = False  # one that stands more than n_neighbors times
    near = near[is_other].reshape(len(rows), n_neighbors)
    weight = np.zeros(shape)
    np.add.at(weight, (np.repeat(place[rows], n_neighbors), place[near].ravel()), 1.0)
    with np.errstate(invalid="ignore"):  # of a cluster that was not drawn
        agreement = np.diag(weight) / weight.sum(axis=1)
    return agreement, weight + weight.T, len(rows)


def _mergers(weight: np.ndarray, clusters: np.ndarray) -> list[tuple[list[int], list[int], float]]:
    """Return the mergers before the largest rise of the distance, as HierarchicalClusterer does."""
    if len(clusters) < 3 or not weight.sum():  # one cluster alone is never found
        return []
    children, distances = tree_of(weight)
    n_mergers = int(np.diff(distances, prepend=0).argmax())
    nodes = [[int(cluster)] for cluster in clusters]
    found = []
    for (a, b), distance in zip(children[:n_mergers].tolist(), distances.tolist(), strict=False):
        found.append((nodes[a], nodes[b], distance))
        nodes.append(nodes[a] + nodes[b])
    return found


def _measures(
    clusterer: Any,
    clustering: Clustering,
    probabilities: np.ndarray | None,
    agreement: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return how sure each cluster is, as far as anything tells."""
    labels, clusters = clustering.labels, clustering.clusters
    found = {"neighbours' agreement": agreement}
    if probabilities is not None:
        own = [probabilities[labels == c, k].mean() for k, c in enumerate(clusters)]
        found["mean probability"] = np.array(own)
    stability = np.asarray(getattr(clusterer, "stability_", ()))
    if stability.ndim == 1 and len(stability) > clusters.max():
        found["stability"] = stability[clusters]
    votes = np.asarray(getattr(clusterer, "sample_stability_", ()))
    if votes.shape == labels.shape and np.array_equal(clusterer.labels_, labels):
        found["runs that agree"] = np.array([votes[labels == c].mean() for c in clusters])
    return found

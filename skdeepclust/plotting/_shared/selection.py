"""Which samples a display shows: the members nearest to a cluster, points that lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skdeepclust._engine.foreign_arrays import unmasked
from skdeepclust._inputs.counts import check_count
from skdeepclust.plotting._shared.canvas import take_rows, to_numpy

# Clusters without samples, beyond which labels are no numbers of clusters.
MOST_EMPTY = 1000


class Answers(NamedTuple):
    """What a clusterer says of samples, and what they look like to it."""

    labels: np.ndarray
    probabilities: np.ndarray | None
    embedding: Any
    n_clusters: int | None


def count_samples(X: Any) -> int:
    """Return the number of samples in any container."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def number_of_clusters(estimator: Any) -> int | None:
    """Return the number of clusters of an estimator or of a pipeline's last step, or None."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    centers = getattr(last, "cluster_centers_", None)
    if centers is not None:
        return len(centers)
    n_clusters = getattr(last, "n_clusters", None)  # of Birch it may be an estimator
    return int(n_clusters) if isinstance(n_clusters, Integral) else None


def check_cluster_labels(labels: Any, n_clusters: int | None, name: str = "labels") -> np.ndarray:
    """Return the clusters as integers from 0, or -1 for noise."""
    labels = to_numpy(labels, name)
    if n_clusters is not None:
        check_count("n_clusters", n_clusters)
    limit = np.inf if n_clusters is None else n_clusters
    if (
        labels.dtype.kind not in "iu"
        or labels.min(initial=0) < -1
        or labels.max(initial=0) >= limit
    ):
        most = "" if n_clusters is None else f" and below n_clusters={n_clusters}"
        raise ValueError(
            f"{name} must be integers from 0, or -1 for noise{most}, got {np.unique(labels)[:9]}: "
            "number them with np.unique(labels, return_inverse=True)[1]."
        )
    # each number below has its row and its colour
    if n_clusters is None and labels.max(initial=0) >= labels.size + MOST_EMPTY:
        raise ValueError(
            f"{name} of {labels.size} samples go up to {labels.max()}, far more than there are "
            "samples: number them with np.unique(labels, return_inverse=True)[1]."
        )
    return labels.astype(np.int64, copy=False)  # of unsigned ones -1 is a large one


def at_last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the last step of a pipeline and what it gets, so that the first ones run once."""
    if isinstance(X, np.ma.MaskedArray):  # of which many a clusterer sees the data alone
        X = unmasked(X, "X")
    if not hasattr(estimator, "steps") or len(estimator.steps) < 2:
        return estimator, X
    return estimator[-1], estimator[:-1].transform(X)


def ask(estimator: Any, X: Any) -> Answers:
    """Ask any clusterer, or a pipeline that ends in one."""
    n_clusters = number_of_clusters(estimator)
    estimator, X = at_last_step(estimator, X)
    if not hasattr(estimator, "predict"):
        raise TypeError(
            f"{type(estimator).__name__} has no predict: give what it has found to "
            "from_predictions, such as its labels_."
        )
    probabilities = getattr(estimator, "predict_proba", None)
    embed = getattr(estimator, "transform", None)
    return Answers(
        to_numpy(estimator.predict(X)),
        None if probabilities is None else to_numpy(probabilities(X)),
        X if embed is None else embed(X),
        n_clusters,
    )


# ---------------------------------------------------------------- members of clusters


def rank(probability: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Order members by probability and, where that is saturated, by distance."""
    return np.lexsort((distance, -np.round(probability.astype(np.float64), 6)))


def members_near_centers(
    labels: np.ndarray,
    probabilities: np.ndarray,
    embedding: np.ndarray,
    centers: np.ndarray,
    n_members: int,
) -> list[np.ndarray]:
    """Find the rows of each cluster's members nearest to its centre, nearest first."""
    nearest = []
    for cluster, center in enumerate(centers):
        rows = np.flatnonzero(labels == cluster)
        distance = np.linalg.norm(embedding[rows] - center, axis=1)
        nearest.append(rows[rank(probabilities[rows, cluster], distance)[:n_members]])
    return nearest


def members_near_means(answers: Answers, n_clusters: int, n_members: int) -> list[np.ndarray]:
    """Find the same where nothing is known of centres: near is what is near to the mean."""
    nearest = []
    for cluster in range(n_clusters):
        rows = np.flatnonzero(answers.labels == cluster)
        probability = np.zeros(len(rows))
        if answers.probabilities is not None:
            probability = answers.probabilities[rows, cluster]
        distance = _distances_to_mean(answers, rows)
        nearest.append(rows[rank(probability, distance)[:n_members]])
    return nearest


def _distances_to_mean(answers: Answers, rows: np.ndarray) -> np.ndarray:
    if len(rows) == 0:
        return np.zeros(0)
    try:
        points = _rows_of(answers.embedding, rows).astype(np.float64).reshape(len(rows), -1)
    except (TypeError, ValueError) as error:  # texts, files, sequences
        if answers.probabilities is not None:
            return np.zeros(len(rows))
        raise TypeError(
            "estimator has neither predict_proba nor transform, and X holds no numbers: nothing "
            "tells which members are near; give vectors of the samples to from_predictions."
        ) from error
    return np.linalg.norm(points - points.mean(axis=0), axis=1)


def _rows_of(X: Any, rows: np.ndarray) -> np.ndarray:
    return take_rows(X, rows) if hasattr(X, "shape") else np.array([X[row] for row in rows])


def majorities(y: np.ndarray, labels: np.ndarray, nearest: Sequence[np.ndarray]) -> dict[str, Any]:
    """Find the majority label of each cluster and the labels of the members shown."""
    check_consistent_length(y, labels)
    majority: list[Any] = []
    shares = np.zeros(len(nearest))
    for cluster in range(len(nearest)):
        values, counts = np.unique(y[labels == cluster], return_counts=True)
        majority.append(values[counts.argmax()] if len(values) else None)
        shares[cluster] = counts.max() / counts.sum() if len(values) else 0.0
    return {
        "member_labels": [y[rows] for rows in nearest],
        "majority_labels": majority,
        "majority_shares": shares,
    }


# ---------------------------------------------------------------- points on a map


def points_apart(
    coordinates: np.ndarray,
    labels: np.ndarray,
    sides: np.ndarray,
    n_points: int,
    kept_free: np.ndarray,
) -> np.ndarray:
    """Choose points on which boxes with these sides can stand without touching each other.

    Clusters take turns. The first box of a cluster is the one nearest to its median, each of the
    others as far from all that are there as can be. `kept_free` (n, 2) are the middles of boxes
    with half these sides; a cluster's first box stands on them only if the next place is farther
    from its median by more than one and a half boxes.
    """
    places = coordinates / sides
    in_turn = sorted(set(labels.tolist()), key=lambda label: (label < 0, label))  # noise is last
    candidates = {label: _one_a_cell(places, labels == label) for label in in_turn}
    chosen: list[int] = []
    for label, rows in candidates.items():
        rows = rows[_gaps(places[rows], places[chosen]) >= 1]
        from_median = _gaps(places[rows], np.median(places[labels == label], axis=0)[None])
        is_free = _gaps(places[rows], kept_free / sides) >= 0.75
        cost = from_median + 1.5 * ~is_free
        if len(rows) and len(chosen) < n_points:
            chosen.append(int(rows[cost.argmin()]))
    while candidates and len(chosen) < n_points:
        for label, rows in list(candidates.items()):
            gaps = _gaps(places[rows], places[chosen])
            fits = (gaps >= 1) & (_gaps(places[rows], kept_free / sides) >= 0.75)
            candidates[label] = rows[fits]
            if not fits.any():
                del candidates[label]
            elif len(chosen) < n_points:
                chosen.append(int(rows[np.where(fits, gaps, -1).argmax()]))
    return np.array(chosen, dtype=int)


def _one_a_cell(places: np.ndarray, is_own: np.ndarray) -> np.ndarray:
    """Return, of the points in each cell of a grid, the one nearest to the cell's middle.

    Cells have half the sides of a box.
    """
    rows = np.flatnonzero(is_own)
    cells = np.floor(2 * places[rows])
    offset = np.abs(2 * places[rows] - cells - 0.5).max(axis=1)
    order = np.argsort(offset, kind="stable")
    _, first = np.unique(cells[order], axis=0, return_index=True)
    return np.sort(rows[order[first]])


def _gaps(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance to the nearest of others, 1 where boxes touch; infinite without any."""
    if len(others) == 0:
        return np.full(len(places), np.inf)
    return np.abs(places[:, None] - others).max(axis=2).min(axis=1)

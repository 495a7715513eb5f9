"""What is known of clusters from before: their numbers, and what they say of samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust.meta._base import Embedding, indexed


class Known(NamedTuple):
    """The clusters of before, and the samples of today as they see them.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Old number of each sample, or -1.
    is_common : ndarray of bool of shape (n_samples,)
        Whether a sample says what belongs together: those that nobody has numbered don't.
    numbers : ndarray of int of shape (n_clusters,)
        Old numbers.
    n_numbers : int
        How many have been given.
    shares : ndarray of shape (n_clusters,)
        Share of the samples that each had.
    centers : ndarray of shape (n_clusters, n_components), default=None
        Means in the old embedding.
    spreads : ndarray of shape (n_clusters,), default=None
        Spreads around them.
    embedding : array of shape (n_samples, n_components), default=None
        Where today's samples lie in it.
    is_refused : ndarray of bool of shape (n_samples,), default=None
        Which of them belong nowhere.
    contamination : float, default=nan
        Which share of them may.
    p_value : float, default=1.0
        How probable so many are.
    """

    labels: np.ndarray
    is_common: np.ndarray
    numbers: np.ndarray
    n_numbers: int
    shares: np.ndarray
    centers: np.ndarray | None = None
    spreads: np.ndarray | None = None
    embedding: Embedding | None = None
    is_refused: np.ndarray | None = None
    contamination: float = math.nan
    p_value: float = 1.0


def known_from(reference: Any, X: Any) -> Known:
    """Return what a reference says of samples.

    Parameters
    ----------
    reference : fitted clusterer, or array-like of int of shape (n_samples,)
        What `StreamClusterer.fit` takes.
    X : object
        Samples.

    Returns
    -------
    Known
        Of clusters that only `predict` is known of, nothing but numbers and shares.

    Raises
    ------
    ValueError
        If it isn't fitted, or on other samples, or its numbers are none.
    """
    try:
        return _asked(reference, X)
    except ValueError as error:
        text = str(error)
        # the estimator that is being fitted has features and a state of its own
        if not text.startswith("reference"):
            error.args = (f"reference: {text}", *error.args[1:])
        raise


def _asked(reference: Any, X: Any) -> Known:
    if hasattr(reference, "steps") and len(reference) > 1:
        reference, X = reference[-1], reference[:-1].transform(X)
    if hasattr(reference, "_known_of"):
        return reference._known_of(X)
    n_samples = indexed(X)[2]
    if not hasattr(reference, "predict"):
        labels = _numbers("reference", reference, n_samples)
        return _of_labels(labels, labels >= 0, labels)
    labels = _numbers("reference.predict(X)", reference.predict(X), n_samples)
    before = getattr(reference, "labels_", None)
    before = None if before is None else np.asarray(in_numpy(before, "labels_"), dtype=np.intp)
    known = _of_labels(labels, np.ones(n_samples, bool), before)
    if hasattr(reference, "predict_proba"):  # clusters without a sample have numbers, too
        n_clusters = in_numpy(reference.predict_proba(X), "predict_proba(X)").shape[1]
        known = known._replace(n_numbers=max(known.n_numbers, n_clusters))
    return known


def _of_labels(labels: np.ndarray, is_common: np.ndarray, before: np.ndarray | None) -> Known:
    """Return the clusters that labels name; their shares are those in `before`, if it is known."""
    numbers = np.unique(labels if before is None else np.concatenate([labels, before]))
    numbers = numbers[numbers >= 0]
    shares = np.full(len(numbers), np.nan)
    if before is not None:
        shares = (before[:, None] == numbers).sum(axis=0) / max((before >= 0).sum(), 1)
    return Known(labels, is_common, numbers, int(numbers.max(initial=-1)) + 1, shares)


def _numbers(name: str, values: Any, n_samples: int) -> np.ndarray:
    """Return labels as integers from -1, one of each sample."""
    labels = np.asarray(in_numpy(values, name))
    if labels.shape != (n_samples,):
        raise ValueError(
            f"{name} has the shape {labels.shape}, but X has n_samples={n_samples}: give a fitted "
            "clusterer, or an earlier number of each sample, -1 where there is none."
        )
    if labels.dtype.kind not in "iu" or labels.min(initial=0) < -1:
        raise ValueError(
            f"{name} should hold integers from 0, or -1 where a sample has no earlier number, got "
            f"{np.unique(labels)[:5]}."
        )
    return labels.astype(np.intp)

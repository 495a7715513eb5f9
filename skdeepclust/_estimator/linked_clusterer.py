"""Clusterers that are told of samples which share a cluster, or don't, or have a known label."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np

from skdeepclust._clusters.known.links import NOTHING, Links, settled_labels
from skdeepclust._clusters.known.queries import query_samples
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._engine.rng import draw_seed
from skdeepclust._estimator.base import fit_method
from skdeepclust._estimator.clusterer import BaseDeepClusterer
from skdeepclust._estimator.partial_labels import partial_labels
from skdeepclust._inputs.labels import UNLABELLED
from skdeepclust._inputs.links import checked_pairs

KNOWN_LABELS = "known_labels"


def known_index(known_labels: Any, n_samples: int) -> np.ndarray:
    """Return the index of the known label of each sample, -1 where there is none.

    Parameters
    ----------
    known_labels : array-like of shape (n_samples,) or None
        Labels, -1 where there is none.
    n_samples : int
        Number of samples in X.
    """
    index = np.full(n_samples, UNLABELLED)
    if known_labels is not None:
        # that -1 is no label here, not even beside 1 alone
        no_classes = np.empty(0)
        known, labelled = partial_labels(known_labels, n_samples, no_classes, KNOWN_LABELS)
        index[labelled] = np.unique(known, return_inverse=True)[1]
    return index


def links_of(
    must_link: Any,
    cannot_link: Any,
    known_labels: Any,
    n_samples: int,
    n_clusters: int,
    sample_weight: np.ndarray | None = None,
) -> Links:
    """Check what is known of samples.

    Parameters
    ----------
    must_link, cannot_link : array-like of shape (n_links, 2) or None
        Pairs of samples.
    known_labels : array-like of shape (n_samples,) or None
        Labels, -1 where there is none.
    n_samples : int
        Number of samples in X.
    n_clusters : int
        Number of clusters.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights; of a sample of weight 0, which counts as left out, nothing is known.
    """
    must = checked_pairs(must_link, "must_link", n_samples)
    cannot = checked_pairs(cannot_link, "cannot_link", n_samples)
    index = known_index(known_labels, n_samples)
    if sample_weight is not None:
        counted = sample_weight > 0
        must, cannot = (each[counted[each].all(axis=1)] for each in (must, cannot))
        index[~counted] = UNLABELLED
    if not (len(must) or len(cannot) or (index >= 0).any()):
        return Links.none(n_samples)
    return Links.learn(must, cannot, index, n_clusters)


class Queried(Protocol):
    """A clusterer that has an embedding and probabilities of clusters."""

    def _embedding_and_assignment(self, X: Any) -> tuple[Any, np.ndarray]:
        """Return where samples lie, and the probabilities of their clusters, (n_samples, ...)."""
        ...


@ordinary_torch()
def query(
    self: Queried, X: Any, n_queries: int, *, known_labels: Any = None, random_state: Any = 0
) -> np.ndarray:
    """Propose samples whose labels would settle most.

    Each stands for a region of the embedding. KMeans finds as many regions as samples are
    asked for; a sample weighs 1 - m + 0.1, with the margin m between its two most probable
    clusters, so that regions are small between clusters and large inside of them. The sample
    in the middle of a region is proposed.

    Parameters
    ----------
    X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
        Samples, in any form that `fit` takes.
    n_queries : int
        How many of them.
    known_labels : array-like of shape (n_samples,), default=None
        What is known already, -1 where nothing is; those samples aren't proposed.
    random_state : int, RandomState instance or None, default=0
        Seed of the search for regions.

    Returns
    -------
    rows : ndarray of int of shape (n_queries,)
        Rows of X, those of the smallest margins first.

    References
    ----------
    F. Zhdanov (2019). Diverse mini-batch Active Learning. arXiv:1901.05954.
    """
    embedding, assignment = self._embedding_and_assignment(X)
    known = known_index(known_labels, len(assignment)) >= 0
    n_left = int((~known).sum())
    is_number = isinstance(n_queries, (int, np.integer)) and not isinstance(n_queries, bool)
    if not (is_number and 1 <= n_queries <= n_left):
        raise ValueError(
            f"n_queries={n_queries!r} should be an integer from 1 to {n_left}, the number of "
            "samples in X without a known label."
        )
    seed = draw_seed(random_state)
    return query_samples(embedding, assignment, int(n_queries), known=known, random_state=seed)


class BaseDeepLinkedClusterer(BaseDeepClusterer):
    """Base of clusterers whose `fit` takes links; a method gets them in `_fit_phases`."""

    query = query

    @fit_method
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        must_link: Any = None,
        cannot_link: Any = None,
        known_labels: Any = None,
    ) -> Self:
        """Learn the embedding and the clusters of X, from what is known of some samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples; also `(n_samples, height, width)` or
            `(n_samples, channels, height, width)` where the estimator takes images.
        y : array-like of shape (n_samples,), default=None
            Labels for callbacks that score the training; nothing is learned from them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same. What is known of a sample of
            weight 0 counts as left out, as it does itself.
        must_link : array-like of int of shape (n_links, 2), default=None
            Pairs of rows of X that share a cluster, and what follows: if a is linked to b and b
            to c, so is a to c.
        cannot_link : array-like of int of shape (n_links, 2), default=None
            Pairs of rows of X that are in different clusters.
        known_labels : array-like of shape (n_samples,), default=None
            Labels of some samples, -1 where there is none; they are trained on. Samples of equal
            labels share a cluster, those of different labels don't. In a search they are split
            as X is, which links can't be.

        Returns
        -------
        self : object
            The fitted estimator. All links hold in `labels_`.

        Raises
        ------
        ValueError
            If links aren't pairs of rows of X, contradict each other, or need more clusters.
        """
        known = {
            "must_link": must_link, "cannot_link": cannot_link, KNOWN_LABELS: known_labels
        }  # fmt: skip
        return self._fit_samples(X, sample_weight, y, **known)

    def _metadata_of_fit(self, X, extra: dict[str, np.ndarray], **metadata) -> dict[str, Any]:
        weight = extra.get("sample_weight")
        n_samples, n_clusters = X.shape[0], self.n_clusters
        known = links_of(
            **metadata, n_samples=n_samples, n_clusters=n_clusters, sample_weight=weight
        )
        return {"links": known} if known else {}

    def _labels_of_fit(self, X, **metadata) -> np.ndarray:
        return settled_labels(self._assign_own(X), metadata.get("links", NOTHING))

    def _embedding_and_assignment(self, X) -> tuple[np.ndarray, np.ndarray]:
        X = self._check(X)
        embedding, assignment = self._embed_samples(X), self._assign_samples(X)
        return embedding.cpu().numpy(), assignment.cpu().double().numpy()

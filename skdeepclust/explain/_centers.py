"""What a cluster looks like, less the one nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust.explain._answers import (
    Clustering,
    ask,
    centers_in_embedding,
    is_table,
    mean_of_members,
    row_taker,
)
from skdeepclust.metrics import _decoder
from skdeepclust.plotting._shared.pictures import picture_taker


@dataclass(frozen=True)
class CenterContrast:
    """Centres of clusters as samples, and what each has that the nearest other one hasn't.

    :func:`~skdeepclust.explain.contrast_centers` makes it.

    Parameters
    ----------
    clusters : ndarray of int of shape (n_clusters,)
        Numbers of the clusters that have samples.
    nearest : ndarray of int of shape (n_clusters,)
        For each of them the number of the one whose centre is nearest in the embedding.
    centers : ndarray of shape (n_clusters, ...)
        Centres in the layout of samples.
    differences : ndarray of shape (n_clusters, ...)
        Each centre minus the nearest other one.
    is_decoded : bool
        Whether these are decoded centres; if not, they are means of the members.
    """

    clusters: np.ndarray
    nearest: np.ndarray
    centers: np.ndarray
    differences: np.ndarray
    is_decoded: bool


def contrast_centers(clusterer: Any, X: Any, *, images: Any = None) -> CenterContrast:
    r"""Decode the centres of clusters, and subtract from each the one that is nearest.

    With centres :math:`\mu_k` in the embedding and the decoder g it is :math:`g(\mu_k) - g(\mu_l)`,
    :math:`l = \arg\min_{l \neq k} \|\mu_k - \mu_l\|`. What is above zero there speaks for the
    cluster, what is below for the other one.

    Parameters
    ----------
    clusterer : fitted clusterer
        Its `cluster_centers_` are taken if they lie in the embedding, otherwise the means of its
        clusters there. They are decoded by its `inverse_transform`, in a pipeline also by those of
        the steps before. Where one has none, or refuses, the means of the members of X are shown.
    X : {array-like, sparse matrix, tensor} of shape (n_samples, ...)
        Samples, as for `clusterer.predict`.
    images : array-like or list, default=None
        What the samples look like, if X holds something else, such as features of a network: floats
        or bytes of shape (n_samples, C, H, W), (n_samples, H, W) or (n_samples, H, W, C) with one
        or three channels, or a list of such images or of PIL images. Their means are shown.

    Returns
    -------
    CenterContrast
        Centres and differences, in the layout of X, or (n_clusters, C, H, W) with `images`.

    Raises
    ------
    TypeError
        If X holds no numbers, and `images` is None.
    ValueError
        If there is one cluster alone, or `images` is not as long as X.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepclust.explain import contrast_centers
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = make_pipeline(PCA(20), KMeans(10, random_state=0)).fit(X)
    >>> contrast = contrast_centers(clusterer, X)
    >>> contrast.is_decoded, contrast.differences.shape
    (True, (10, 64))
    """
    take = None if images is None else picture_taker(images, _count(X))
    if take is None and not is_table(X):
        raise TypeError("X holds no numbers, so that centres can't be shown: give images.")
    clustering = ask(clusterer, X)
    labels, clusters = clustering.labels, clustering.clusters
    if len(clusters) < 2:
        raise ValueError(f"clusterer puts X into {len(clusters)} clusters, but two are compared.")
    points = centers_in_embedding(clusterer, clustering)
    distances = pairwise_distances(points)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    centers = _decoded(clusterer, points, clustering, X) if take is None else None
    is_decoded = centers is not None
    if centers is None:
        centers = mean_of_members(take or row_taker(X), labels, clusters)
    return CenterContrast(
        clusters=clusters,
        nearest=clusters[nearest],
        centers=centers,
        differences=centers - centers[nearest],
        is_decoded=is_decoded,
    )


def _count(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _decoded(
    clusterer: Any, points: np.ndarray, clustering: Clustering, X: Any
) -> np.ndarray | None:
    """Return points as samples in the layout of X, or None if a step has no way back."""
    decode = _decoder(clusterer)
    if decode is None:
        return None
    try:
        with plain_arrays():  # of the type in which the embedding came
            found = decode(points.astype(clustering.embedding.dtype))
    except (NotImplementedError, ValueError):  # as SimpleImputer without indicators
        return None
    found = in_numpy(found, "inverse_transform")
    found = np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)
    shape = row_taker(X)(np.arange(1)).shape[1:]
    return found.reshape(len(found), *shape)

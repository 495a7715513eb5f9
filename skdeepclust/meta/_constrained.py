"""Clusters that keep what is known of samples: links between them, or labels of some."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn import get_config
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from skdeepclust._clusters.known.links import SPREAD_WEIGHT, Links
from skdeepclust._compat import Interval, fit_context
from skdeepclust._engine.global_settings import ordinary_torch, plain_arrays
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust._estimator.linked_clusterer import links_of, query
from skdeepclust._inputs.weights import checked_weight
from skdeepclust.meta._base import BaseMetaClusterer, Embedding, indexed, like_known


class ConstrainedClusterer(BaseMetaClusterer):
    r"""A clusterer that is told which samples share a cluster, and which don't.

    The clusters of `estimator` are a start. All links hold in the assignment

    .. math:: \min_c \sum_i -f_{i c(i)} \quad \text{with} \quad
              c(i) = c(j) \text{ for must-links}, \; c(i) \ne c(j) \text{ for cannot-links},

    which an integer program finds for groups of linked samples, at the least total cost. How much
    f of each cluster reaches a sample follows from its neighbours in the embedding,

    .. math:: f \leftarrow (1 - w) v + w A f, \qquad w = 0.9,

    where A averages over them, and v is 1 at the cluster of a linked sample, and at most 0.1 at
    that of another one: linked samples take their neighbours along. The fewer of the links hold in
    the clusters of `estimator`, the less these weigh, down to 0.005.

    Parameters
    ----------
    estimator : estimator
        Clusterer with `fit` and `predict`, or a pipeline that ends in one. A copy of it is fitted.
    n_neighbors : int, default=10
        Number of neighbours of each sample.
    embedding : {"auto", "input", "transform"} or callable, default="auto"
        Where neighbours are searched for. "auto" is `estimator.transform(X)`, for a pipeline that
        of its last step. A last step without `transform`, such as GaussianMixture, or whose
        `transform` gives distances to centres, such as KMeans, has no embedding of its own: what
        enters it is taken, X itself if it stands alone. "input" is always what enters the last
        step, "transform" always `estimator.transform(X)`; a function is called with the fitted
        estimator and X.
    random_state : int, RandomState instance or None, default=None
        Sets each `random_state` of `estimator`. None leaves those as they are.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clusterer.
    labels_ : ndarray of int of shape (n_samples,)
        Cluster of each training sample, in which all links hold. That of `predict`, which knows
        of no link of these samples, may differ.
    neighbors_ : NearestNeighbors
        The search for neighbours in the embedding.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    skdeepclust.TripletDECClusterer : Learns its embedding from links, too.

    Notes
    -----
    Without links, f is the clusters of `estimator`, smoothed over neighbours. Beside its fit, the
    cost is that of one search for neighbours of all samples.

    References
    ----------
    K. Wagstaff, C. Cardie, S. Rogers, S. Schrödl (2001). Constrained K-means Clustering with
    Background Knowledge. ICML. Links, and what follows from them.

    D. Zhou, O. Bousquet, T. Lal, J. Weston, B. Schölkopf (2003). Learning with Local and Global
    Consistency. NIPS. Section 2, how labels spread.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.meta import ConstrainedClusterer
    >>> from skdeepclust.metrics import clustering_accuracy_score
    >>> X, y = load_digits(return_X_y=True)
    >>> kmeans = KMeans(10, random_state=0)
    >>> clustering_accuracy_score(y, kmeans.fit_predict(X)) > 0.9
    False
    >>> known = np.where(np.arange(len(X)) % 18, -1, y)  # a hundred labels
    >>> constrained = ConstrainedClusterer(kmeans).fit(X, known_labels=known)
    >>> clustering_accuracy_score(y, constrained.predict(X)) > 0.9
    True
    >>> constrained.query(X, 3, known_labels=known).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMetaClusterer._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    estimator_: Any
    neighbors_: NearestNeighbors

    def __init__(
        self,
        estimator: Any,
        *,
        n_neighbors: int = 10,
        embedding: str | Callable[[Any, Any], Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.n_neighbors = n_neighbors
        self.embedding = embedding
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        must_link: Any = None,
        cannot_link: Any = None,
        known_labels: Any = None,
        **params: Any,
    ) -> Self:
        """Fit the clusterer, and let its clusters follow the links.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        must_link : array-like of int of shape (n_links, 2), default=None
            Pairs of rows of X that share a cluster, and what follows: if a is linked to b and b
            to c, so is a to c.
        cannot_link : array-like of int of shape (n_links, 2), default=None
            Pairs of rows of X that are in different clusters.
        known_labels : array-like of shape (n_samples,), default=None
            Labels of some samples, -1 where there is none. Samples of equal labels share a
            cluster, those of different labels don't. In a search they are split as X is, which
            links can't be.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`. What is known of a
            sample of weight 0 counts as left out.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If links aren't pairs of rows of X, contradict each other, or need more clusters than
            `estimator` has.
        """
        known = {
            "must_link": must_link, "cannot_link": cannot_link, "known_labels": known_labels
        }  # fmt: skip
        n_samples = indexed(X)[2]
        passed_on = self._passed_on(known, params)
        known["sample_weight"] = _weight_of(passed_on, n_samples)
        links_of(**known, n_samples=n_samples, n_clusters=n_samples)  # what is wrong by itself
        embedding = self._fit_inside(X, y, passed_on, self._seed())
        found = self._clusters(self.estimator_, X)
        self._names, labels = np.unique(found, return_inverse=True)
        links = links_of(**known, n_samples=n_samples, n_clusters=len(self._names))
        self._reached = self._spread(embedding, labels, links)
        self.labels_ = self._names[links.settled(-shares(self._reached))]
        return self

    def _spread(self, embedding: Embedding, labels: np.ndarray, links: Links) -> np.ndarray:
        """Return how much of each cluster reaches the training samples."""
        n_clusters, n_neighbors = len(self._names), min(self.n_neighbors, len(labels) - 1)
        if n_neighbors < 1:
            raise ValueError("n_samples=1, but a sample has to have a neighbor; give at least 2.")
        self._weight = links.weight_of_others(labels, n_clusters)
        with plain_arrays(), ordinary_torch():
            self.neighbors_ = NearestNeighbors(n_neighbors=n_neighbors).fit(embedding)
            neighbors = torch.from_numpy(self.neighbors_.kneighbors(return_distance=False))
            return links.spread(labels, neighbors, n_clusters).double().numpy()

    # ---------------------------------------------------------------- metadata
    def get_metadata_routing(self) -> MetadataRouter:
        """Tell who gets which metadata: links this estimator, the rest `estimator`.

        Returns
        -------
        MetadataRouter
            As scikit-learn's user guide explains.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def _passed_on(self, known: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Return what `estimator` gets: with routing also links, if it asks for them."""
        if not get_config()["enable_metadata_routing"]:
            return params
        given = {name: value for name, value in known.items() if value is not None}
        return dict(process_routing(self, "fit", **given, **params).estimator.fit)

    # ---------------------------------------------------------------- new samples
    def predict(self, X: Any) -> np.ndarray:
        """Return the cluster of which most reaches a sample, from its neighbours and its own.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Index of the cluster.
        """
        columns = self.predict_proba(X).argmax(axis=1)
        return self._names[columns]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the share of each cluster in what reaches a sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        assignment : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1.
        """
        return self._shares(X, self._embedding_of(X))

    def _shares(self, X: Any, embedding: Embedding) -> np.ndarray:
        # nothing in a cluster that had no sample in the fit
        own = self._weight * (self._clusters(self.estimator_, X)[:, None] == self._names)
        points = like_known(embedding, self.neighbors_)
        with plain_arrays():
            neighbors = self.neighbors_.kneighbors(points, return_distance=False)
        around = self._reached[neighbors].mean(axis=1)
        return shares((1 - SPREAD_WEIGHT) * own + SPREAD_WEIGHT * around)

    query = query

    def _embedding_and_assignment(self, X: Any) -> tuple[Embedding, np.ndarray]:
        embedding = self._embedding_of(X)
        return embedding, self._shares(X, embedding)


def _weight_of(params: dict[str, Any], n_samples: int) -> np.ndarray | None:
    """Return the weights of samples among the metadata of a fit, the largest of all steps."""
    given = [value for name, value in params.items() if name.split("__")[-1] == "sample_weight"]
    weights = [checked_weight(each, n_samples) for each in given if each is not None]
    return np.max(weights, axis=0) if weights else None


def shares(reached: np.ndarray) -> np.ndarray:
    """Return the share of each cluster (n_samples, n_clusters); rows sum to 1."""
    return reached / reached.sum(axis=1, keepdims=True)

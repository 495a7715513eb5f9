"""Clusters of bounded sizes: the cheapest assignment, and prices that keep the sizes."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.metrics import euclidean_distances
from sklearn.utils.validation import check_is_fitted

from skdeepclust._compat import Interval, fit_context
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust.meta._base import BaseMetaClusterer, centers_of
from skdeepclust.meta._transport import bounded_assignment

# A cluster that is out of the question costs as much as one of this probability.
LEAST_PROBABILITY = 1e-30


class SizeConstrainedClusterer(BaseMetaClusterer):
    r"""A clusterer whose clusters have at least, or at most, a given number of samples.

    The clusters stay where `estimator` has found them; its samples are assigned anew, at the least
    total cost

    .. math:: \min_c \sum_i C_{i c(i)} \quad \text{with} \quad
              m \le |\{i : c(i) = k\}| \le M \text{ for all } k.

    C is minus the logarithm of the probability of a cluster, if `estimator` has `predict_proba`,
    otherwise the squared distance to its mean in the embedding. That is a linear program, solved
    exactly. Its dual gives each cluster a price :math:`\lambda_k`, and the assignment is
    :math:`\arg\min_k C_{ik} + \lambda_k`. `predict` does the same with new samples: of as many that
    are like those of the fit, a cluster gets about as many.

    Parameters
    ----------
    estimator : estimator
        Clusterer with `fit` and `predict`, or a pipeline that ends in one. A copy of it is fitted.
    min_cluster_size : int, default=None
        The least number m of training samples in a cluster; None for no bound.
    max_cluster_size : int, default=None
        The largest number M of training samples in a cluster; None for no bound.
    embedding : {"auto", "input", "transform"} or callable, default="auto"
        Where distances are measured. "auto" is `estimator.transform(X)`, for a pipeline that of
        its last step. A last step without `transform`, such as GaussianMixture, or whose
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
        Cluster of each training sample. That of `predict` may differ for samples whose costs are
        equal, such as those that stand twice.
    prices_ : ndarray of shape (n_clusters,)
        Prices :math:`\lambda_k`, of mean 0; 0 if the bounds change nothing.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    Notes
    -----
    Prices that belong to an assignment are rarely the only ones; those in the middle are taken, so
    that new samples at the border between two clusters fall to either.

    References
    ----------
    P. Bradley, K. Bennett, A. Demiriz (2000). Constrained K-Means Clustering. Technical report
    MSR-TR-2000-65, Microsoft Research. The assignment as a linear program.

    R. Ahuja, T. Magnanti, J. Orlin (1993). Network Flows. Prentice Hall. Section 9.3, shortest
    ways as prices.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.meta import SizeConstrainedClusterer
    >>> X, y = load_digits(return_X_y=True)
    >>> kmeans = KMeans(10, random_state=0)
    >>> sizes = np.bincount(kmeans.fit_predict(X[:1000]))
    >>> bool(sizes.max() - sizes.min() > 50)
    True
    >>> sized = SizeConstrainedClusterer(kmeans, min_cluster_size=95, max_cluster_size=105)
    >>> sizes = np.bincount(sized.fit_predict(X[:1000]))
    >>> print(sizes.min(), sizes.max())
    95 105
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMetaClusterer._parameter_constraints,
        "min_cluster_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_cluster_size": [Interval(Integral, 1, None, closed="left"), None],
    }

    prices_: np.ndarray

    def __init__(
        self,
        estimator: Any,
        *,
        min_cluster_size: int | None = None,
        max_cluster_size: int | None = None,
        embedding: str | Callable[[Any, Any], Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.min_cluster_size = min_cluster_size
        self.max_cluster_size = max_cluster_size
        self.embedding = embedding
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the clusterer, and assign its samples within the bounds.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there is no assignment with such sizes.
        """
        embedding = self._fit_inside(X, y, self._metadata(params), self._seed())
        self._names: np.ndarray | None = None
        if not hasattr(self.estimator_, "predict_proba"):
            found = self._clusters(self.estimator_, X)
            self._names, labels = np.unique(found, return_inverse=True)
            self._centers = centers_of(embedding, labels)
        costs = self._costs(X)
        labels, self.prices_ = bounded_assignment(costs, *self._bounds(*costs.shape))
        self.labels_ = self._named(labels)
        return self

    def _named(self, labels: np.ndarray) -> np.ndarray:
        """Return clusters as `estimator` calls them, of which some may be without samples."""
        return labels if self._names is None else self._names[labels]

    def _bounds(self, n_samples: int, n_clusters: int) -> tuple[int, int]:
        """Return the bounds as numbers, or refuse those for which there is no assignment."""
        least, most = self.min_cluster_size or 0, self.max_cluster_size or n_samples
        sizes = f"{n_clusters} clusters of n_samples={n_samples}"
        if least > most:
            raise ValueError(
                f"min_cluster_size={least} is above max_cluster_size={self.max_cluster_size}."
            )
        if n_clusters * least > n_samples:
            raise ValueError(
                f"min_cluster_size={least} is too much for {sizes}: it may be at most "
                f"{n_samples // n_clusters}."
            )
        if n_clusters * most < n_samples:
            raise ValueError(
                f"max_cluster_size={most} is too little for {sizes}: it has to be at least "
                f"{-(-n_samples // n_clusters)}."
            )
        return least, most

    def _costs(self, X: Any) -> np.ndarray:
        """Return what each cluster costs for each sample."""
        if hasattr(self.estimator_, "predict_proba"):
            found = self._probabilities(self.estimator_, X)
            return -np.log(np.maximum(found, LEAST_PROBABILITY))
        embedding = self._embedding_of(X)
        with plain_arrays():
            return euclidean_distances(embedding, self._centers, squared=True).astype(np.float64)

    def predict(self, X: Any) -> np.ndarray:
        """Return the cluster of the least cost, the price included.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Index of the cluster.
        """
        check_is_fitted(self)
        return self._named((self._costs(X) + self.prices_).argmin(axis=1))

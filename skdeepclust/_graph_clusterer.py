"""The methods of a clusterer whose samples have a graph, which may be given as metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from skdeepclust._base import fit_method
from skdeepclust._sample_graph import SampleGraphMixin


class GraphClustererMixin(SampleGraphMixin):
    """`fit`, `predict`, `predict_proba`, `transform` and `score` that take `affinity=`.

    With metadata routing, `set_fit_request(affinity=True)` and so on hand it through pipelines
    and searches.
    """

    _fit_samples: Callable[..., Any]
    _check: Callable[..., Any]
    _hard: Callable[..., np.ndarray]
    _like: Callable[..., Any]
    _assign_samples: Callable[..., Tensor]
    _embed_samples: Callable[..., Tensor]
    _information_share: Callable[[Tensor], float]

    @fit_method
    def fit(self, X, y=None, affinity=None, sample_weight=None):
        """Learn the codes and the clusters of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples.
        y : Ignored
            Present for the API's sake.
        affinity : {array-like, sparse matrix}, default=None
            With `affinity="precomputed"` the graph, of shape (n_samples, n_samples); otherwise
            features of shape (n_samples, n_graph_features) between which neighbours are found
            instead of those of X.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights in the losses; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit_samples(X, sample_weight, affinity=affinity)

    def predict(self, X, affinity=None):
        """Return the most probable cluster of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        affinity : {array-like, sparse matrix}, default=None
            What `fit` was given, for these samples: features, or affinities to the training
            samples. Not needed for training samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster; for training samples that of `labels_`.
        """
        return self._hard(self._check(X), affinity=affinity)

    def predict_proba(self, X, affinity=None):
        """Return the probability of each cluster.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        affinity : {array-like, sparse matrix}, default=None
            As in `predict`.

        Returns
        -------
        assignment : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1. A tensor if X is one.
        """
        return self._like(X, self._assign_samples(self._check(X), affinity=affinity))

    def transform(self, X, affinity=None):
        """Return the codes of the last stage.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        affinity : {array-like, sparse matrix}, default=None
            As in `predict`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Of unit length if `normalize=True`. A tensor if X is one.
        """
        return self._like(X, self._embed_samples(self._check(X), affinity=affinity))

    def score(self, X, y=None, affinity=None):
        """Return the information that the assignment carries, in [0, 1]; it needs no labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : Ignored
            Present for the API's sake.
        affinity : {array-like, sparse matrix}, default=None
            As in `predict`.

        Returns
        -------
        score : float
            1 where every sample belongs to one cluster with certainty and all clusters are of
            the same size, 0 where the assignment says nothing.
        """
        return self._information_share(self._assign_samples(self._check(X), affinity=affinity))

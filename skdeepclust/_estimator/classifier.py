"""What classifiers share: labels, weights of classes, and accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from skdeepclust._compat import StrOptions
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._estimator import types
from skdeepclust._estimator.base import BaseDeepEstimator
from skdeepclust._estimator.dask_answers import computed
from skdeepclust._estimator.labels import check_labels, with_class_weight
from skdeepclust._estimator.parameters import parameter
from skdeepclust._estimator.partial_labels import accuracy, check_partial_labels, mask_of
from skdeepclust._inputs.weights import weights_of


class BaseDeepClassifier(ClassifierMixin, BaseDeepEstimator):
    """Base of classifiers."""

    class_weight: types.ClassWeight = parameter(
        default=None, allowed=[dict, StrOptions({"balanced"}), None]
    )

    def _index_of(
        self, y: Any, n_samples: int, classes: np.ndarray | None = None, *, required: bool = True
    ) -> tuple[Any, np.ndarray]:
        """Return the classes, and the index of each sample's; -1: it has no label."""
        if y is None:
            return check_labels(self, y, n_samples)
        found, index = check_partial_labels(self, y, n_samples, classes, required=required)
        if isinstance(y, (list, tuple)) and (index >= 0).all():
            return check_labels(self, y, n_samples, classes)  # strings are those of NumPy
        return found, index

    def _weights(self, sample_weight: Any, y_index: np.ndarray, X) -> dict[str, np.ndarray]:
        """Return what losses take: weights of samples times those of classes, what is labelled."""
        weights = weights_of(sample_weight, X)
        weights = with_class_weight(weights, self.class_weight, y_index, self.classes_)
        return {**weights, **mask_of(y_index)}

    @ordinary_torch()
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            True labels; samples labelled -1 don't count (unless y holds nothing but -1 and 1).
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            Share of the samples that `predict` labels right.
        """
        return accuracy(y, computed(self.predict(X)), self.classes_, sample_weight)

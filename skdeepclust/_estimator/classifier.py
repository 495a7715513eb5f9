"""What classifiers share: weights of classes, and accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from skdeepclust._compat import StrOptions
from skdeepclust._engine.torch_settings import ordinary_torch
from skdeepclust._estimator import types
from skdeepclust._estimator.base import BaseDeepEstimator
from skdeepclust._estimator.dask_answers import computed
from skdeepclust._estimator.labels import with_class_weight
from skdeepclust._estimator.parameters import parameter
from skdeepclust._inputs.samples import weights_of


class BaseDeepClassifier(ClassifierMixin, BaseDeepEstimator):
    """Base of classifiers."""

    class_weight: types.ClassWeight = parameter(
        default=None, allowed=[dict, StrOptions({"balanced"}), None]
    )

    def _weights(self, sample_weight: Any, y_index: np.ndarray, X) -> dict[str, np.ndarray]:
        """Return what losses take: nothing, or weights of samples times those of classes."""
        weights = weights_of(sample_weight, X)
        return with_class_weight(weights, self.class_weight, y_index, self.classes_)

    @ordinary_torch()
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            Share of the samples that `predict` labels right.
        """
        predicted = computed(self.predict(X))
        return accuracy_score(computed(y), predicted, sample_weight=sample_weight)

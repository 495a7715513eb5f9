"""The smallest estimator on the base: one phase, one loss, no method's own ideas."""

from __future__ import annotations

import numpy as np
from sklearn.base import TransformerMixin
from torch.nn.functional import mse_loss

from skdeepclust._estimator.base import BaseDeepEstimator, fit_method
from skdeepclust._estimator.parameters import parameter
from skdeepclust._inputs.weights import weights_of
from skdeepclust.networks import MLPAutoencoder


class PlainAutoencoder(TransformerMixin, BaseDeepEstimator):
    lr: float = parameter(default=0.01)
    max_epochs: int = parameter(default=3)
    batch_size: int = parameter(default=32)

    def _default_network(self):
        return MLPAutoencoder

    @fit_method
    def fit(self, X, y=None, sample_weight=None, X_valid=None):
        warm = self.warm_start and hasattr(self, "module_")
        X = self._check(X, reset=not warm)
        with self._fit_scope(X, warm=warm, phases=1, n_components=2) as session:
            session.train(
                "reconstruction",
                self._loss,
                X,
                weights_of(sample_weight, X),
                epochs=self.max_epochs,
                valid=None if X_valid is None else (self._check(X_valid),),
            )
        return self

    def _loss(self, x, idx, sample_weight=None):
        reconstruction = self._runner.run(self.module_, x)
        error = (reconstruction - x).square().mean(1)
        weight = 1 if sample_weight is None else sample_weight / sample_weight.mean()
        return {"loss": (weight * error).mean(), "plain": mse_loss(reconstruction, x)}

    def transform(self, X):
        return self._apply(self.module_.encode, X)


def make(**params) -> PlainAutoencoder:
    return PlainAutoencoder(random_state=0, module__hidden=(8,), **params)


def weights(estimator) -> list[np.ndarray]:
    return [value.detach().cpu().numpy() for value in estimator.module_.state_dict().values()]


def assert_same_weights(a, b) -> None:
    for left, right in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(left, right)

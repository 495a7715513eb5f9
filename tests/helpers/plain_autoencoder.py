"""The smallest estimator on the base: one phase, one loss, no method's own ideas."""

from __future__ import annotations

import numpy as np
from sklearn.base import TransformerMixin
from torch.nn.functional import mse_loss

from skdeepclust._estimator.base import BaseDeepEstimator, fit_method
from skdeepclust.networks import MLPAutoencoder


class PlainAutoencoder(TransformerMixin, BaseDeepEstimator):
    def __init__(
        self,
        *,
        module=None,
        optimizer="adam",
        lr=0.01,
        max_epochs=3,
        batch_size=32,
        device="auto",
        dtype="float32",
        precision="32",
        compile=False,
        regularizers=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        **module__kwargs,
    ):
        super().__init__(
            module=module,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            precision=precision,
            compile=compile,
            regularizers=regularizers,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
            **module__kwargs,
        )

    def _default_network(self):
        return MLPAutoencoder

    @fit_method
    def fit(self, X, y=None, sample_weight=None, X_valid=None):
        warm = self.warm_start and hasattr(self, "module_")
        X = self._check(X, reset=not warm)
        with self._fit_scope(X, warm=warm, phases=1, n_components=2):
            self._train(
                "reconstruction",
                self._loss,
                X,
                self._check_weight(sample_weight, X),
                epochs=self.max_epochs,
                valid=None if X_valid is None else (self._check(X_valid),),
            )
        return self

    def _loss(self, x, idx, sample_weight=None):
        with self._autocast():
            reconstruction = self.module_(x).to(x.dtype)
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

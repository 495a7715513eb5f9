"""The nearest neighbours of the samples in the input, whatever holds them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn import config_context
from sklearn.decomposition import PCA
from torch import Tensor

from skdeepclust.graph import nearest_neighbors

# Neighbours are those in this many principal components ...
N_COMPONENTS = 50
# ... which are found on at most this many samples.
MAX_PCA_SAMPLES = 20_000


class InputGraphMixin:
    """Adds `_input_neighbors` to an estimator."""

    _infer: Callable[..., Tensor]

    def _input_neighbors(self, X, n_neighbors: int) -> Tensor:
        """Return the indices (n_samples, n_neighbors) of the nearest samples in the input."""
        rows = self._some_rows(X.shape[0], MAX_PCA_SAMPLES)
        few = self._infer(lambda x: x.flatten(1), X if rows is None else X[rows]).cpu().numpy()
        with config_context(array_api_dispatch=False):
            n_components = min(N_COMPONENTS, *few.shape)
            pca = PCA(n_components, svd_solver="covariance_eigh").fit(few)
        axes, origin = torch.from_numpy(pca.components_.T), torch.from_numpy(pca.mean_)

        def project(x: Tensor) -> Tensor:
            return (x.flatten(1) - origin.to(x)) @ axes.to(x)

        components = self._infer(project, X)
        neighbors = nearest_neighbors(components.cpu().numpy(), n_neighbors)
        return torch.from_numpy(neighbors).to(components.device)

    def _some_rows(self, n_samples: int, at_most: int) -> np.ndarray | None:
        """Draw `at_most` rows in their order; `None` stands for all."""
        seed = int(torch.randint(2**31 - 1, ()))
        if n_samples <= at_most:
            return None
        return np.sort(np.random.default_rng(seed).choice(n_samples, at_most, replace=False))

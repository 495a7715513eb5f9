"""DKM: deep k-means, with an assignment that gradients go through.

M. Moradi Fard, T. Thonet, E. Gaussier (2020). Deep k-Means: Jointly clustering with k-Means and
learning representations. Pattern Recognition Letters 138.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._clusters.weighted import Mixture
from skdeepclust._compat import Interval, StrOptions
from skdeepclust._estimator.parameters import parameter
from skdeepclust.classics._base import BaseClassicClusterer
from skdeepclust.losses import soft_kmeans_loss, softmax_assignment

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType({
    "alpha": 1000.0, "lam": 1.0, "pretrain_epochs": 50, "max_epochs": 100, "batch_size": 256,
    "optimizer": "adam", "lr": 0.001, "clustering_lr": 0.001,
})  # fmt: skip
# Of the annealed variant, which is not pre-trained.
ANNEALED_SETTINGS: Mapping[str, Any] = MappingProxyType({
    **PAPER_SETTINGS, "alpha": "annealed", "lam": 0.1, "pretrain_epochs": 0, "max_epochs": 200,
})  # fmt: skip
FIRST_ALPHA, N_ALPHAS = 0.1, 40


def annealed_alphas(n_alphas: int = N_ALPHAS) -> list[float]:
    r"""Return the paper's inverse temperatures.

    Each is :math:`\alpha_{n+1} = 2^{1 / \log(n)^2} \alpha_n` of the one before it, from n = 2 on;
    the first is 0.1.

    Parameters
    ----------
    n_alphas : int, default=40
        How many.

    Returns
    -------
    list of float
        Rising numbers.

    Examples
    --------
    >>> from skdeepclust.classics.dkm import annealed_alphas
    >>> [round(alpha, 2) for alpha in annealed_alphas(4)]
    [0.1, 0.42, 0.75, 1.08]
    """
    steps = [2 ** (1 / math.log(n) ** 2) for n in range(2, n_alphas + 1)]
    return [FIRST_ALPHA * math.prod(steps[:n]) for n in range(n_alphas)]


class DKMClusterer(BaseClassicClusterer):
    r"""Deep k-means: K-means with a soft minimum, that trains centres and network together.

    An autoencoder h, g is trained to reconstruct, K-means finds the centres r of its embedding,
    and then network and centres minimise

    .. math:: \sum_x \|x - g(h(x))\|^2 + \lambda \sum_k \|h(x) - r_k\|^2 G_k(h(x); \alpha)

    (Eq. 3), where G is the softmax of the negative squared distances times :math:`\alpha` (Eq. 4):
    for a large :math:`\alpha` the nearest centre alone, for a small one all of them.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    lam : float, default=0.1
        Weight :math:`\lambda` of the distances to the centres. 0: nothing but the reconstruction.
    alpha : float or "annealed", default=1000.0
        Inverse temperature :math:`\alpha` of the assignment. "annealed": it rises from 0.1, in 40
        steps that are spread over the epochs, to 28; a warm start begins anew.
    <shared parameters>

    Attributes
    ----------
    <shared attributes>

    See Also
    --------
    DCNClusterer : Centres that follow their samples, and hard assignments.

    Notes
    -----
    `DKMClusterer(**skdeepclust.classics.dkm.PAPER_SETTINGS)` has the settings of the paper's
    pre-trained variant, and `ANNEALED_SETTINGS` beside them those of the annealed one. In the
    paper the latter starts from centres at random; here K-means finds them in any case.

    References
    ----------
    M. Moradi Fard, T. Thonet, E. Gaussier (2020). Deep k-Means: Jointly clustering with k-Means
    and learning representations. Pattern Recognition Letters 138. Equations (2) to (4), section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import DKMClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = DKMClusterer(
    ...     10, pretrain_epochs=5, max_epochs=5, module__hidden=(64,), random_state=0
    ... )
    >>> labels = clusterer.fit_predict(X)
    >>> clusterer.inverse_transform(clusterer.cluster_centers_).shape
    (10, 64)
    """

    lam: float = parameter(default=0.1, allowed=[Interval(Real, 0, None, closed="left")])
    alpha: float | str = parameter(
        default=1000.0,
        allowed=[Interval(Real, 0, None, closed="neither"), StrOptions({"annealed"})],
    )

    # -- the network
    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        built = super()._build(network, arguments)
        built.register_buffer("alpha", torch.tensor(FIRST_ALPHA))
        return built

    def _assign(self, embedding: Tensor) -> Tensor:
        return softmax_assignment(embedding, self.module_.centers, alpha=self.module_.alpha)

    # -- the objective
    def _clustering_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        module, embedding = self.module_, self._embed(x)
        reconstruction = self._n_values * self._reconstruct(x, embedding, sample_weight)
        clustering = soft_kmeans_loss(
            embedding, module.centers, alpha=module.alpha, sample_weight=sample_weight
        )
        loss = reconstruction + self.lam * clustering
        return {"loss": loss, "reconstruction": reconstruction, "clustering": clustering}

    # -- the schedule
    def _begin(self, start: Mixture) -> None:
        super()._begin(start)
        self.module_.alpha.fill_(self._alphas[-1])

    def _begin_epoch(self, X, weight: np.ndarray, epoch: int) -> None:
        alphas = self._alphas
        self.module_.alpha.fill_(alphas[(epoch - 1) * len(alphas) // max(self.max_epochs, 1)])

    @property
    def _alphas(self) -> list[float]:
        return annealed_alphas() if self.alpha == "annealed" else [float(self.alpha)]

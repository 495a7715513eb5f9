"""DCN: an embedding that is friendly to K-means, and centres that follow it.

B. Yang, X. Fu, N. D. Sidiropoulos, M. Hong (2017). Towards K-means-friendly Spaces: Simultaneous
Deep Learning and Clustering. ICML.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from skdeepclust._clusters.weighted import Mixture
from skdeepclust._compat import Interval
from skdeepclust._estimator.parameters import parameter
from skdeepclust.classics._base import BaseClassicClusterer
from skdeepclust.losses import kmeans_loss, running_centers, student_t_assignment

# Those of the authors' code for the pixels of MNIST, where both terms weigh 1, and the rate is
# 0.0001 for sums over 784 pixels; the reconstruction phase has the mean over them.
PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType({
    "n_components": 10, "lam": 2.0, "pretrain_epochs": 250, "max_epochs": 50, "batch_size": 256,
    "optimizer": "sgd", "optimizer__momentum": 0.9, "lr": 0.08, "clustering_lr": 0.0001,
})  # fmt: skip


class DCNClusterer(BaseClassicClusterer):
    r"""Deep clustering network: an embedding that is friendly to K-means.

    An autoencoder f, g is trained to reconstruct, K-means finds the centres M of its embedding,
    and then the network minimises

    .. math:: \|g(f(x_i)) - x_i\|^2 + \frac{\lambda}{2} \|f(x_i) - M s_i\|^2

    (Eq. 4) while each sample belongs to the nearest centre (Eq. 6) and each centre follows its
    samples, in steps of one over the number of samples that it has had (Eq. 8).

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    lam : float, default=0.1
        Weight :math:`\lambda` of the distances to the centres. 0: nothing but the reconstruction.
    <shared parameters>

    Attributes
    ----------
    <shared attributes>

    See Also
    --------
    DKMClusterer : Trains the centres by gradients, too, with soft assignments.

    Notes
    -----
    The method has no probabilities of clusters. Those of `predict_proba` are DEC's Student-t
    assignment to the centres, the largest of which is that of the nearest one.
    `DCNClusterer(**skdeepclust.classics.dcn.PAPER_SETTINGS)` has the settings of the authors' code
    for MNIST, as far as they are parameters.

    References
    ----------
    B. Yang, X. Fu, N. D. Sidiropoulos, M. Hong (2017). Towards K-means-friendly Spaces:
    Simultaneous Deep Learning and Clustering. ICML. Equations (4) to (8), Algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import DCNClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = DCNClusterer(
    ...     10, pretrain_epochs=5, max_epochs=5, module__hidden=(64,), random_state=0
    ... )
    >>> labels = clusterer.fit_predict(X)
    >>> clusterer.inverse_transform(clusterer.cluster_centers_).shape
    (10, 64)
    """

    lam: float = parameter(default=0.1, allowed=[Interval(Real, 0, None, closed="left")])

    # -- the network
    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        built = super()._build(network, arguments)
        built.centers.requires_grad_(False)  # they follow the samples
        built.register_buffer("counts", torch.zeros(arguments["n_clusters"]))
        return built

    def _assign(self, embedding: Tensor) -> Tensor:
        return student_t_assignment(embedding, self.module_.centers)

    # -- the objective
    def _clustering_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        embedding = self._embed(x)
        reconstruction = self._n_values * self._reconstruct(x, embedding, sample_weight)
        centers, labels = self._follow(embedding.detach(), sample_weight)
        clustering = kmeans_loss(embedding, centers, labels, sample_weight=sample_weight)
        loss = reconstruction + self.lam / 2 * clustering
        return {"loss": loss, "reconstruction": reconstruction, "clustering": clustering}

    @torch.no_grad()
    def _follow(self, embedding: Tensor, sample_weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Assign a batch (Eq. 6), and let the centres follow it (Eq. 8)."""
        module, labels = self.module_, self._assign(embedding).argmax(1)
        centers, counts = running_centers(
            module.centers, module.counts, embedding, labels, sample_weight=sample_weight
        )
        module.centers.copy_(centers)
        module.counts.copy_(counts)
        return centers, labels

    # -- the schedule
    @torch.no_grad()
    def _begin(self, start: Mixture) -> None:
        super()._begin(start)
        self.module_.counts.copy_(torch.from_numpy(start.sizes))

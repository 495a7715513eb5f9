"""VaDE: a variational autoencoder whose prior is a mixture of Gaussians, one for each cluster.

Z. Jiang, Y. Zheng, H. Tan, B. Tang, H. Zhou (2017). Variational Deep Embedding: An Unsupervised and
Generative Approach to Clustering. IJCAI.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._clusters.weighted import Mixture, Points, gaussian_mixture
from skdeepclust._compat import StrOptions
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._inputs.likelihoods import going_on, likelihood_of
from skdeepclust.classics._base import BaseClassicClusterer
from skdeepclust.losses import mixture_assignment, mixture_kl
from skdeepclust.losses._reconstruction import bernoulli_errors
from skdeepclust.networks._checks import check_autoencoder
from skdeepclust.networks._clustered import VaDENetwork

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType({
    "n_components": 10, "likelihood": "auto", "batch_size": 100, "max_epochs": 500,
    "optimizer": "adam", "lr": 0.002, "clustering_lr": 0.002,
})  # fmt: skip


class VaDEClusterer(BaseClassicClusterer):
    r"""Variational deep embedding: an autoencoder whose embedding is a mixture of Gaussians.

    An autoencoder is trained to reconstruct, and a mixture of Gaussians with weights
    :math:`\pi_c`, means :math:`\mu_c` and variances :math:`\sigma_c^2` is fitted to its embedding.
    Then the network, whose embedding becomes the mean :math:`\tilde\mu` of a posterior with
    variances :math:`\tilde\sigma^2`, and the mixture maximise the evidence lower bound

    .. math:: E_{q(z, c | x)} \log p(x | z) - KL(q(z, c | x) \| p(z, c))

    (Eq. 9, 12) with one draw of z for each sample, where the probability
    :math:`q(c | x) = p(c | z)` of a cluster follows from the mixture (Eq. 16).

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    likelihood : {"auto", "bernoulli", "gaussian"}, default="auto"
        What p(x | z) is: "bernoulli" for values from 0 to 1, whose probability the decoder gives;
        "gaussian" for real ones, with the squared error in units of the deviation of X. "auto"
        takes the former where all values are from 0 to 1.
    n_init : int, default=10
        Number of starts for the mixture, of which the best is taken.
    <shared parameters>

    Attributes
    ----------
    likelihood_ : {"bernoulli", "gaussian"}
        What "auto" has taken, or what was given.
    cluster_weights_ : ndarray of shape (n_clusters,)
        Weights of the mixture.
    cluster_variances_ : ndarray of shape (n_clusters, n_components)
        Variances within the clusters.
    <shared attributes>

    Notes
    -----
    In the paper the posterior's variances are made by a layer of their own beside the embedding's;
    here they are linear in the embedding, so that any autoencoder will do. They start from a tenth
    of the mixture's. `predict_proba` is p(c | z) at the posterior's mean. The variance of
    "gaussian" is one half, as in the authors' code.
    `VaDEClusterer(**skdeepclust.classics.vade.PAPER_SETTINGS)` has the settings of the authors'
    code for MNIST, as far as they are parameters; there the rate falls by a tenth every ten epochs.

    References
    ----------
    Z. Jiang, Y. Zheng, H. Tan, B. Tang, H. Zhou (2017). Variational Deep Embedding: An Unsupervised
    and Generative Approach to Clustering. IJCAI. Equations (9) to (16).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import VaDEClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = VaDEClusterer(
    ...     10, pretrain_epochs=5, max_epochs=5, module__hidden=(64,), random_state=0
    ... )
    >>> labels = clusterer.fit_predict(X / 16)
    >>> clusterer.likelihood_, clusterer.cluster_variances_.shape
    ('bernoulli', (10, 10))
    """

    likelihood: str = parameter(
        default="auto", allowed=[StrOptions({"auto", "bernoulli", "gaussian"})]
    )
    n_init: int = parameter(default=10)
    clustering_lr: float = parameter(default=0.001)

    module_: VaDENetwork = learned()
    likelihood_: str = learned()
    _of_first_weights = ("likelihood",)
    cluster_weights_: np.ndarray = learned()
    cluster_variances_: np.ndarray = learned()

    # -- the network
    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        n_components = check_autoencoder(network, arguments["input_shape"])
        return VaDENetwork(network, n_components, arguments["n_clusters"])

    def _takes_origin_off(self, module: nn.Module) -> bool:
        return self.likelihood != "bernoulli" and super()._takes_origin_off(module)

    def _assign(self, embedding: Tensor) -> Tensor:
        return mixture_assignment(embedding, *self.module_.mixture)

    def _decode_point(self, embedding: Tensor, /) -> Tensor:
        if self.likelihood_ == "bernoulli":
            return torch.sigmoid(self._decode(embedding))
        return super()._decode_point(embedding)

    # -- the objective
    def _errors(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return -log p(x | z) without its constant."""
        if self.likelihood_ == "gaussian":
            return self._n_values * super()._errors(x, embedding)
        return bernoulli_errors(self._decode(embedding), x)

    def _mean_error(self, x: Tensor, embedding: Tensor, sample_weight: Tensor | None) -> Tensor:
        return super()._mean_error(x, embedding, sample_weight) / self._n_values

    def _clustering_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        mean, mixture = self._embed(x), self.module_.mixture
        z, log_variance = self.module_.draw(mean)
        reconstruction = self._reconstruct(x, z, sample_weight)
        gamma = self._assign(z)
        divergence = mixture_kl(mean, log_variance, gamma, *mixture, sample_weight=sample_weight)
        loss = reconstruction + divergence
        return {"loss": loss, "reconstruction": reconstruction, "divergence": divergence}

    # -- the schedule
    def _fit_phases(self, session, X, extra, schedule) -> None:
        before = None if "reconstruction" in schedule else self.likelihood_
        self.likelihood_ = going_on(before, self._likelihood_of(X, extra))
        super()._fit_phases(session, X, extra, schedule)
        weights, variances = self.module_.logits.softmax(0), self.module_.log_variances.exp()
        self.cluster_weights_ = weights.detach().cpu().numpy()
        self.cluster_variances_ = variances.detach().cpu().numpy()

    def _likelihood_of(self, X, extra) -> str:
        """Return the likelihood that suits the values of X, or refuse the one that is given."""
        if self.likelihood == "gaussian" or self._input.origin is not None:
            return "gaussian"
        ranges = self._runner.infer(lambda x: torch.stack(x.flatten(1).aminmax(dim=1), 1), X)
        counted = ranges.cpu().numpy()[extra.get("sample_weight", np.ones(X.shape[0])) > 0]
        return likelihood_of(self.likelihood, counted.min(), counted.max())

    def _clusters_of(self, points: Points) -> Mixture:
        return gaussian_mixture(points, self.n_clusters, self.n_init)

    def _begin(self, start: Mixture) -> None:
        self.module_.set_mixture(*(torch.from_numpy(part) for part in start))

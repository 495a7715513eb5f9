"""DEC: an autoencoder, K-means, then assignments that sharpen themselves.

J. Xie, R. Girshick, A. Farhadi (2016). Unsupervised Deep Embedding for Clustering Analysis. ICML.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdeepclust._compat import Interval
from skdeepclust._engine.captured import renewed
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust.classics._base import BaseClassicClusterer
from skdeepclust.losses import assignment_kl, student_t_assignment, target_distribution
from skdeepclust.networks._clustered import ClusteredAutoencoder

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType({
    "n_components": 10, "degrees_of_freedom": 1.0, "n_init": 20, "batch_size": 256,
    "optimizer": "sgd", "optimizer__momentum": 0.9, "lr": 0.1, "clustering_lr": 0.01,
})  # fmt: skip


class DECClusterer(BaseClassicClusterer):
    r"""Deep embedded clustering: assignments that sharpen themselves.

    An autoencoder is trained to reconstruct, K-means finds the centres :math:`\mu_j` in its
    embedding :math:`z_i`, and then the encoder and the centres minimise

    .. math:: KL(P \| Q) = \sum_i \sum_j p_{ij} \log \frac{p_{ij}}{q_{ij}}

    (Eq. 2), the divergence of the Student-t assignment Q (Eq. 1) from its sharpened form P
    (Eq. 3), which is computed of all samples before each epoch.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    degrees_of_freedom : float, default=1.0
        Degrees of freedom :math:`\alpha` of the Student-t assignment.
    <shared parameters>

    Attributes
    ----------
    <shared attributes>

    See Also
    --------
    IDECClusterer : Goes on reconstructing while it clusters.
    TripletDECClusterer : Looks for its clusters in the neighbours of samples, too.

    Notes
    -----
    `DECClusterer(**skdeepclust.classics.dec.PAPER_SETTINGS)` has the paper's settings, as far as
    they are parameters. The decoder isn't trained in the clustering phase: `inverse_transform`
    decodes as the reconstruction phase has left it.

    References
    ----------
    J. Xie, R. Girshick, A. Farhadi (2016). Unsupervised Deep Embedding for Clustering Analysis.
    ICML. Equations (1) to (3), section 4.3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import DECClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = DECClusterer(
    ...     10, pretrain_epochs=5, max_epochs=5, module__hidden=(64,), random_state=0
    ... )
    >>> clusterer.fit_predict(X).shape, clusterer.transform(X).shape
    ((1797,), (1797, 10))
    """

    degrees_of_freedom: float = parameter(
        default=1.0, allowed=[Interval(Real, 0, None, closed="neither")]
    )

    module_: ClusteredAutoencoder = learned()
    # the targets P
    _fit: Tensor = learned()

    def _assign(self, embedding: Tensor) -> Tensor:
        return student_t_assignment(
            embedding, self.module_.centers, degrees_of_freedom=self.degrees_of_freedom
        )

    def _sharpen(self, embedding: Tensor, idx: Tensor, sample_weight: Tensor | None) -> Tensor:
        assignment = self._assign(embedding)
        return assignment_kl(self._fit[idx], assignment, sample_weight=sample_weight)

    def _clustering_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        return {"loss": self._sharpen(self._embed(x), idx, sample_weight)}

    def _begin_epoch(self, X, weight: np.ndarray, epoch: int) -> None:
        assignment = self._assign_own(X)
        sizes = torch.from_numpy(weight).to(assignment)
        target = target_distribution(assignment, sample_weight=sizes)
        self._fit = renewed(getattr(self, "_fit", None), target)

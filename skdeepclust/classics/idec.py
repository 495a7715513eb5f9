"""IDEC: DEC that goes on reconstructing while it clusters.

X. Guo, L. Gao, X. Liu, J. Yin (2017). Improved Deep Embedded Clustering with Local Structure
Preservation. IJCAI.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

from torch import Tensor

from skdeepclust._compat import Interval
from skdeepclust._estimator.parameters import parameter
from skdeepclust.classics.dec import DECClusterer

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType({
    "n_components": 10, "degrees_of_freedom": 1.0, "gamma": 0.1, "n_init": 20, "batch_size": 256,
    "optimizer": "adam", "lr": 0.001, "clustering_lr": 0.001,
})  # fmt: skip


class IDECClusterer(DECClusterer):
    r"""Improved deep embedded clustering: DEC that goes on reconstructing.

    The pre-training and the start are DEC's. The clustering phase minimises

    .. math:: L = L_r + \gamma L_c

    (Eq. 5): the reconstruction error :math:`L_r` (Eq. 6) keeps what the embedding tells of the
    samples, and DEC's :math:`L_c = KL(P \| Q)` (Eq. 7) makes clusters of it.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    gamma : float, default=0.1
        Weight of the divergence. 0: nothing but the reconstruction.
    degrees_of_freedom : float, default=1.0
        Degrees of freedom of the Student-t assignment.
    <shared parameters>

    Attributes
    ----------
    <shared attributes>

    See Also
    --------
    DECClusterer : Without the reconstruction.

    Notes
    -----
    The reconstruction error is the mean over the features, as in the authors' code, in units of
    the deviation of X; the paper's formula has the sum.
    `IDECClusterer(**skdeepclust.classics.idec.PAPER_SETTINGS)` has the paper's settings for MNIST,
    as far as they are parameters.

    References
    ----------
    X. Guo, L. Gao, X. Liu, J. Yin (2017). Improved Deep Embedded Clustering with Local Structure
    Preservation. IJCAI. Equations (5) to (7), Algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import IDECClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = IDECClusterer(
    ...     10, pretrain_epochs=5, max_epochs=5, module__hidden=(64,), random_state=0
    ... )
    >>> labels = clusterer.fit_predict(X)
    >>> clusterer.inverse_transform(clusterer.cluster_centers_).shape
    (10, 64)
    """

    gamma: float = parameter(default=0.1, allowed=[Interval(Real, 0, None, closed="left")])

    def _clustering_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        embedding = self._embed(x)
        reconstruction = self._reconstruct(x, embedding, sample_weight)
        clustering = self._sharpen(embedding, idx, sample_weight)
        loss = reconstruction + self.gamma * clustering
        return {"loss": loss, "reconstruction": reconstruction, "clustering": clustering}

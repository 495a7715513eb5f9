"""Regularisers without a state: decorrelation and plain size of the activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from skdeepclust.losses import activation_penalty, decov_loss
from skdeepclust.regularizers._base import Regularizer, check_lam


class WeightedRegularizer(Regularizer):
    """Base of regularisers whose layers have one option, their weight."""

    def _set_layers(self, options: Mapping[str, Any]) -> None:
        weights = {name: self._weight(option) for name, option in options.items()}
        for weight in weights.values():
            check_lam(weight)
        super()._set_layers(weights)

    def _weight(self, option: Any) -> Any:
        if isinstance(option, Mapping):
            unknown = set(option) - {"lam"}
            if unknown:
                raise ValueError(f"A layer has the option 'lam' only, got {sorted(unknown)}.")
            option = option.get("lam")
        return self.lam if option is None else option

    def loss(self, representation: Tensor, sample_weight: Tensor | None) -> Tensor:
        """Return the penalty of one layer before its weight."""
        raise NotImplementedError

    def layer_penalty(
        self, name: str, representation: Tensor, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the penalty of one layer, its weight included."""
        return self._options[name] * self.loss(representation, sample_weight)


class DeCovRegularizer(WeightedRegularizer):
    r"""Decorrelate the units of layers: :math:`\lambda \frac12 \sum_{i \ne j} C_{ij}^2`.

    C is the covariance of the units over the batch; see :func:`~skdeepclust.losses.decov_loss`.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, as in `module.named_modules()`; a dict has the weight of each.
        "auto": all fully connected layers but the network's last layer.
    lam : float, default=0.01
        Weight of the loss of a layer, at least 0.

    References
    ----------
    M. Cogswell, F. Ahmed, R. Girshick, L. Zitnick, D. Batra (2016). Reducing Overfitting in
    Deep Networks by Decorrelating Representations. ICLR.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.regularizers import DeCovRegularizer
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> regularizer = DeCovRegularizer(["0"], lam=1.0)
    >>> with regularizer.watch(network):
    ...     output = network(torch.ones(5, 4))
    >>> regularizer.penalty().item()
    0.0
    """

    part: ClassVar[str] = "decov_penalty"

    def __init__(self, layers: Any = "auto", *, lam: float = 0.01) -> None:
        super().__init__(layers, lam=lam)

    def loss(self, representation: Tensor, sample_weight: Tensor | None) -> Tensor:
        """Return the loss of one layer before its weight."""
        return decov_loss(representation, sample_weight=sample_weight)


class ActivationRegularizer(WeightedRegularizer):
    r"""Keep the activations of layers small: :math:`\frac{\lambda}{2 N C H W} \|Y\|^2`.

    This is what a clustering regulariser does with one centre that stays at the origin; see
    :func:`~skdeepclust.losses.activation_penalty`.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, as in `module.named_modules()`; a dict has the weight of each.
        "auto": all fully connected layers but the network's last layer.
    lam : float, default=0.01
        Weight of the penalty of a layer, at least 0.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.regularizers import ActivationRegularizer
    >>> network = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(3, 2))
    >>> regularizer = ActivationRegularizer(["0"], lam=1.0)
    >>> with regularizer.watch(network):
    ...     output = network(torch.ones(5, 3))
    >>> regularizer.penalty().item()
    0.5
    """

    part: ClassVar[str] = "activation_penalty"

    def loss(self, representation: Tensor, sample_weight: Tensor | None) -> Tensor:
        """Return the penalty of one layer before its weight."""
        return activation_penalty(representation, sample_weight=sample_weight)

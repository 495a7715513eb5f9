"""Forced Apart on layers of any network, and the cross-covariance penalty that it is held against.

Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
Labels. Under review at ICLR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from skdeepclust.losses import forced_apart_loss, forced_apart_weight_loss, xcov_loss
from skdeepclust.losses._forced_apart import check_margin
from skdeepclust.networks._layers import find_layer, last_layer
from skdeepclust.regularizers._base import of_rows
from skdeepclust.regularizers._simple import WeightedRegularizer


class ForcedApartRegularizer(WeightedRegularizer):
    r"""Force samples of the same label apart in layers: :math:`\lambda L_{multi}` (Eq. 8 and 10).

    .. math:: L_{multi} = \frac{2}{N_s^2} \sum_{i, j: y_i = y_j} \max(0, m - D(p_i \| p_j)),
        \quad p_i = \operatorname{softmax}(h_i),

    averaged over the labels in the batch; see :func:`~skdeepclust.losses.forced_apart_loss`. It
    acts on all layers before the named one, which is best watched before its ReLU: the softmax
    then has a gradient at every unit.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, as in `module.named_modules()`; a dict has the weight of each.
        "auto": all fully connected layers but the network's last layer.
    lam : float, default=0.1
        Weight of the loss of a layer, at least 0.
    margin : float, default=3.0
        Divergence m, in nats, that pairs are forced to.
    divergence : {"kl", "js", "jeffreys", "hellinger"}, default="kl"
        Divergence D. Margins of "js" are below log 2, those of "hellinger" below 1.
    use_labels : bool, default=True
        Whether only samples of the same label are forced apart (Eq. 8), where there are labels.
        Otherwise all samples are (Eq. 10).

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Equations (7) to (10).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.regularizers import ForcedApartRegularizer
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> regularizer = ForcedApartRegularizer(["0"], lam=1.0, margin=3.0)
    >>> with regularizer.watch(network):
    ...     output = network(torch.ones(5, 4))
    >>> round(regularizer.penalty(labels=torch.tensor([0, 0, 1, 1, 1])).item(), 4)
    6.0
    """

    part: ClassVar[str] = "forced_apart_penalty"
    margin: float
    divergence: str
    use_labels: bool

    def __init__(
        self,
        layers: Any = "auto",
        *,
        lam: float = 0.1,
        margin: float = 3.0,
        divergence: str = "kl",
        use_labels: bool = True,
    ) -> None:
        check_margin(margin, divergence)
        super().__init__(
            layers, lam=lam, margin=margin, divergence=divergence, use_labels=use_labels
        )

    def penalties(
        self, outputs: Mapping[str, Tensor], sample_weight: Tensor | None, labels: Tensor | None
    ) -> list[Tensor]:
        """Return the penalty of each layer, its weight included."""
        labels = labels if self.use_labels else None
        return [
            self._options[name]
            * forced_apart_loss(
                output,
                of_rows(labels, len(output), "labels"),
                margin=self.margin,
                divergence=self.divergence,
                sample_weight=of_rows(sample_weight, len(output), "sample_weight"),
            )
            for name, output in outputs.items()
        ]


class ForcedApartWeightRegularizer(WeightedRegularizer):
    r"""Force the units of layers apart by their weights: :math:`\lambda L_{single}` (Eq. 5 to 7).

    .. math:: L_{single} = \frac{1}{k (k - 1)} \sum_{i \ne j} \max(0, m - D(d_i \| d_j)),
        \quad d_i = \operatorname{softmax}(W_i),

    over the k rows of a layer's weight matrix; see
    :func:`~skdeepclust.losses.forced_apart_weight_loss`. It acts on the named layers alone.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of layers with a weight matrix; a dict has the weight of each in the loss. "auto":
        all fully connected layers but the network's last layer.
    lam : float, default=10.0
        Weight of the loss of a layer, at least 0. The paper's sum over pairs at weight 1 is this
        mean at k (k - 1).
    margin : float, default=5.0
        Divergence m, in nats, that pairs of rows are forced to.
    divergence : {"kl", "js", "jeffreys", "hellinger"}, default="kl"
        Divergence D. Margins of "js" are below log 2, those of "hellinger" below 1.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Equations (5) to (7).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.regularizers import ForcedApartWeightRegularizer
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> _ = torch.nn.init.ones_(network[0].weight)
    >>> regularizer = ForcedApartWeightRegularizer(["0"], lam=1.0, margin=5.0)
    >>> with regularizer.watch(network):
    ...     output = network(torch.ones(5, 4))
    >>> regularizer.penalty().item()
    5.0
    """

    part: ClassVar[str] = "forced_apart_weight_penalty"
    margin: float
    divergence: str
    _module: nn.Module

    def __init__(
        self,
        layers: Any = "auto",
        *,
        lam: float = 10.0,
        margin: float = 5.0,
        divergence: str = "kl",
    ) -> None:
        check_margin(margin, divergence)
        super().__init__(layers, lam=lam, margin=margin, divergence=divergence)

    def attach(self, module: nn.Module, input_shape: tuple[int, ...] | None = None) -> None:
        """Look up the layers in a module, and refuse those without a weight matrix.

        Parameters
        ----------
        module : torch.nn.Module
            The network.
        input_shape : tuple of int, default=None
            Shape of one sample as the network takes it.

        Raises
        ------
        ValueError
            If the network has no layer of a given name, or it has no weight matrix.
        """
        super().attach(module, input_shape)
        for name in self._options:
            _weight_matrix(module, name)

    def watched_layers(self) -> list[str]:
        """Return no layer: the penalty depends on weights alone."""
        return []

    def penalties(
        self, outputs: Mapping[str, Tensor], sample_weight: Tensor | None, labels: Tensor | None
    ) -> list[Tensor]:
        """Return the penalty of each layer, its weight included."""
        return [
            lam
            * forced_apart_weight_loss(
                _weight_matrix(self._module, name), margin=self.margin, divergence=self.divergence
            )
            for name, lam in self._options.items()
        ]


def _weight_matrix(module: nn.Module, name: str) -> Tensor:
    """Return the weights of a layer, a row a unit, or raise ValueError if there are none."""
    layer = find_layer(module, name)
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim < 2 or len(weight) < 2:
        raise ValueError(
            f"Layer {name!r} ({type(layer).__name__}) has no weight matrix of at least 2 rows, "
            "whose rows could be forced apart: name a fully connected or convolutional layer."
        )
    return weight.flatten(1)


class XCovRegularizer(WeightedRegularizer):
    r"""Decorrelate layers from the predictions: :math:`\lambda \frac12 \|C\|^2`.

    C is the cross-covariance of the units of a layer and the network's predictions over the
    batch; see :func:`~skdeepclust.losses.xcov_loss`.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, as in `module.named_modules()`; a dict has the weight of each.
        "auto": all fully connected layers but the network's last layer.
    lam : float, default=1.0
        Weight of the loss of a layer, at least 0.
    output : str, default=None
        Layer that makes the predictions; `None`: the network's last layer with weights.
    softmax : bool, default=True
        Whether that layer makes logits, of which the softmax is the prediction.

    References
    ----------
    B. Cheung, J. A. Livezey, A. K. Bansal, B. A. Olshausen (2014). Discovering Hidden Factors of
    Variation in Deep Networks. arXiv:1412.6583. Equation (3).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.regularizers import XCovRegularizer
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> regularizer = XCovRegularizer(["0"], lam=1.0)
    >>> with regularizer.watch(network):
    ...     output = network(torch.ones(5, 4))
    >>> regularizer.penalty().item()
    0.0
    """

    part: ClassVar[str] = "xcov_penalty"
    output: str | None
    _output: str

    def __init__(
        self,
        layers: Any = "auto",
        *,
        lam: float = 1.0,
        output: str | None = None,
        softmax: bool = True,
    ) -> None:
        super().__init__(layers, lam=lam, output=output, softmax=softmax)

    def attach(self, module: nn.Module, input_shape: tuple[int, ...] | None = None) -> None:
        """Look up the layers in a module, that of the predictions among them.

        Parameters
        ----------
        module : torch.nn.Module
            The network.
        input_shape : tuple of int, default=None
            Shape of one sample as the network takes it.

        Raises
        ------
        ValueError
            If the network has no layer of a given name.
        """
        super().attach(module, input_shape)
        self._output = last_layer(module) if self.output is None else self.output
        find_layer(module, self._output)

    def watched_layers(self) -> list[str]:
        """Return the layers, and last the one that makes the predictions."""
        return [*self._options, self._output]

    def penalties(
        self, outputs: Mapping[str, Tensor], sample_weight: Tensor | None, labels: Tensor | None
    ) -> list[Tensor]:
        """Return the penalty of each layer, its weight included."""
        predictions = outputs[self._output].flatten(1)
        if self.softmax:
            predictions = torch.softmax(predictions, dim=1)
        weight = of_rows(sample_weight, len(predictions), "sample_weight")
        return [
            lam * xcov_loss(outputs[name], predictions, sample_weight=weight)
            for name, lam in self._options.items()
        ]

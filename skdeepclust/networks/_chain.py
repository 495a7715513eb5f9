"""Layers that run one after another, and what their weights start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from skdeepclust.networks._standardize import Standardize


class Chain(nn.Module):
    """Layers that run in the order of their names; what is added later doesn't run with them."""

    def __init__(self, layers: Mapping[str, nn.Module], standardize: bool) -> None:
        super().__init__()
        self.standardize = Standardize() if standardize else None
        self._order = tuple(layers)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of a batch, (n, n_outputs)."""
        if self.standardize is not None:
            x = self.standardize(x)
        for name in self._order:
            x = getattr(self, name)(x)
        return x


def initialised(
    layer: nn.Linear | nn.Conv2d, followed_by: Literal["relu", "linear"] = "relu"
) -> nn.Module:
    """Draw a layer's weights so that what follows it, "relu" or "linear", keeps the scale."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity=followed_by)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

"""A small network, labels of its samples, and a penalty of its layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.watched import normal
from skdeepclust.regularizers import Regularizer

LABELS = torch.tensor([0, 1, 0, -1, 1, -1, 0, 0])


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2))


def penalty_of(regularizer: Regularizer, network: nn.Module, **options) -> Tensor:
    with regularizer.watch(network):
        network(normal(8, 4, dtype=torch.float32))
    return regularizer.penalty(**options)

"""Networks whose layers return what a test feeds them, and a step of a regulariser on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skdeepclust.regularizers import ClusteringRegularizer, Regularizer


class Feed(nn.Module):
    """Layers a, b and c return the tensors that they are given, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Identity(), nn.Identity(), nn.Identity()

    def forward(self, outputs: dict[str, list[Tensor]]) -> None:
        for name, tensors in outputs.items():
            for tensor in tensors:
                getattr(self, name)(tensor)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def penalty(
    regularizer: Regularizer, *a: Tensor, sample_weight: Tensor | None = None, **others: Tensor
) -> Tensor:
    """Let layer a return these tensors, other layers theirs; return the penalty."""
    outputs = {"a": list(a)} if a else {}
    with regularizer.watch(Feed()) as watching:
        watching._module(outputs | {name: [tensor] for name, tensor in others.items()})
    return regularizer.penalty(sample_weight)


def penalty_and_gradient(
    regularizer: Regularizer, y: Tensor, sample_weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the penalty of layer a, which returns y, and its derivative in y."""
    y = y.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    value = penalty(regularizer, y, sample_weight=sample_weight)
    return value.detach(), torch.autograd.grad(value, y)[0]


def clustering(**options) -> ClusteringRegularizer:
    """Return a regulariser of layer a with few clusters."""
    return ClusteringRegularizer(["a"], **{"n_clusters": 3, "lam": 1.0, **options})


def put_centers(regularizer: ClusteringRegularizer, centers: Tensor) -> None:
    """Replace the centres of the only layer, which has as many of them already."""
    regularizer.running[0].centers.copy_(centers)

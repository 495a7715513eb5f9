"""The rows of a layer's output that are clustered, and how their gradient finds its way back."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skdeepclust.losses._clustering import at_least_single
from skdeepclust.losses._representations import check_unfolding, row_weight


class Rows:
    """Where the rows of an unfolding, all or some of them, lie in a representation.

    Some are drawn at random out of the representation as it is: to unfold all of it first, and
    to fold all of its gradient, would take longer than fewer rows save.
    """

    def __init__(self, representation: Tensor, clustering: str, fraction: float = 1.0) -> None:
        check_unfolding(representation, clustering)
        n_samples, n_channels, *size = self.shape = tuple(representation.shape)
        self.clustering, self.n_positions = clustering, math.prod(size)
        # rows of each sample, and their length
        self.n_each, self.n_dims = {
            "sample": (1, n_channels * self.n_positions),
            "spatial": (self.n_positions, n_channels),
            "channel": (n_channels, self.n_positions),
        }[clustering]
        self.n_all = n_samples * self.n_each
        self.strides = representation.stride()
        self.channels_last = (
            not representation.is_contiguous() and representation.movedim(1, -1).is_contiguous()
        )
        self.drawn = None
        if fraction < 1:
            n_drawn = max(1, round(fraction * self.n_all))
            self.drawn = draw_evenly(self.n_all, n_drawn, representation.device)

    def of(self, representation: Tensor, origin: Tensor | None = None) -> Tensor:
        """Return a copy of the rows (rows, dims), in single precision at least, less the origin."""
        rows = self._by_sample(representation)
        if origin is None:
            origin = at_least_single(rows.new_zeros(self.n_dims))
        origin = origin.view(rows.shape[2:])
        if self.drawn is not None and rows.is_contiguous():
            rows = rows.flatten(0, 1).index_select(0, self.drawn)  # faster than what follows
        elif self.drawn is not None:
            rows = rows[self._place(self.drawn)]
        return torch.sub(rows, origin, out=origin.new_empty(rows.shape)).view(-1, self.n_dims)

    def of_samples(self, values: Tensor) -> Tensor:
        """Return for each row the value (N,) of its sample."""
        values = row_weight(values, self.n_all)
        return values if self.drawn is None else values.index_select(0, self.drawn)

    def back(self, rows: Tensor, factor: Tensor) -> Tensor:
        """Return a representation that has these rows times `factor`, and else zeros.

        It has the memory layout that it had: another one would slow down all that follows.
        """
        if self.channels_last:
            representation = rows.new_empty_strided(self.shape, self.strides)
        else:
            representation = rows.new_empty(self.shape)
        by_sample = self._by_sample(representation)
        if self.drawn is None:
            torch.mul(rows.view(by_sample.shape), factor, out=by_sample)
        else:
            representation.zero_()
            by_sample[self._place(self.drawn)] = (rows * factor).view(-1, *by_sample.shape[2:])
        return representation

    def _by_sample(self, representation: Tensor) -> Tensor:
        """Return a view (N, rows of each, ...) of a representation."""
        flat = representation.reshape(*self.shape[:2], self.n_positions)  # (N, C, H W)
        if self.clustering == "sample":
            return flat[:, None]
        return flat.transpose(1, 2) if self.clustering == "spatial" else flat

    def _place(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the samples of rows, and which of their rows they are."""
        return index // self.n_each, index % self.n_each


def draw_evenly(n_rows: int, n_drawn: int, device: torch.device) -> Tensor:
    """Draw distinct rows, one from each of as many stretches; all are equally likely."""
    edges = torch.arange(n_drawn + 1, device=device) * n_rows // n_drawn
    drawn = edges[:-1] + (torch.rand(n_drawn, device=device) * edges.diff()).long()
    # stretches differ in length by one row at most: let any row be in the longer ones
    return (drawn + torch.randint(n_rows, (1,), device=device)) % n_rows


class Pull(torch.autograd.Function):
    """Half the mean square of rows, given their squared norms; the gradient is the rows'."""

    @staticmethod
    def forward(ctx, representation, squares, gradient, rows):
        ctx.save_for_backward(gradient)
        ctx.rows, ctx.dtype = rows, representation.dtype
        return squares.mean() / (2 * rows.n_dims)

    @staticmethod
    @once_differentiable
    def backward(ctx, factor):  # pyrefly: ignore[bad-override]
        (gradient,) = ctx.saved_tensors
        gradient = ctx.rows.back(gradient, factor / gradient.numel())
        return gradient.to(ctx.dtype), None, None, None

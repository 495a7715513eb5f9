r"""All stages of TAGnet as one operation, with its gradients.

Autograd would keep, and pass through memory, half a dozen matrices (n, p) at each stage. Here the
codes are all that is kept: where a code is 0 the shrinkage has the slope 0, elsewhere 1 in what is
shrunk and minus the sign of the code in the threshold. Let :math:`Z_{k+1} = h_\theta(U_{k+1})`
with :math:`U_{k+1} = Z_k S + B_k(Z_k) + Y`, and a bar denote the gradient of the loss. Then

.. math:: \bar U_k = \bar Z_k [Z_k \ne 0], \quad
    \bar Z_k \mathrel{+}= \bar U_{k+1} S^T + B_k^*(\bar U_{k+1}), \quad
    \bar S = \sum_k Z_k^T \bar U_{k+1}, \quad
    \bar Y = \sum_k \bar U_k, \quad
    \bar\theta = -\sum_k \mathrm{sign}(Z_k) \bar U_k .

All of it is done for some rows at a time, which stay in the processor's cache meanwhile. Where
several processes share the work, each does its stretch of the rows, and they are gathered after
each stage.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from skdeepclust._engine.sharding import stretch_of

# Rows that are worked on at a time hold this many bytes: less than a core's cache.
BLOCK_BYTES = 2**20


class GraphBranch:
    """What the graph adds to the codes of a stage, for some rows at a time."""

    has_gradient = True

    @abstractmethod
    def rows(self, stage: int, codes: Tensor, rows: slice) -> Tensor:
        """Return some rows of what is added, from the codes (n, p) of all samples."""

    def adjoint_rows(self, stage: int, gradient: Tensor, rows: slice) -> Tensor:
        """Return some rows of what a gradient (n, p) of it passes back to the codes."""
        raise TypeError(f"{type(self).__name__} has no gradient.")

    def __call__(self, stage: int, codes: Tensor) -> Tensor:
        return self.rows(stage, codes, slice(0, len(codes)))

    def blocks(self, codes: Tensor) -> list[slice]:
        """Return the rows to work on at a time."""
        return row_blocks(codes)


class FunctionBranch(GraphBranch):
    """A linear function of stage and codes as a branch, all rows at a time.

    Parameters
    ----------
    function : callable
        `function(stage, codes)` returns what is added (n, p).
    """

    def __init__(self, function: Callable[[int, Tensor], Tensor]):
        self.function = function

    def rows(self, stage: int, codes: Tensor, rows: slice) -> Tensor:
        return self.function(stage, codes)[rows]

    def adjoint_rows(self, stage: int, gradient: Tensor, rows: slice) -> Tensor:
        with torch.enable_grad():
            codes = torch.zeros_like(gradient, requires_grad=True)
            (passed_back,) = torch.autograd.grad(self.function(stage, codes), codes, gradient)
        return passed_back[rows]

    def blocks(self, codes: Tensor) -> list[slice]:
        return [slice(0, len(codes))]


def row_blocks(codes: Tensor) -> list[slice]:
    """Split rows into blocks that fit into the cache of a processor's core."""
    n, size = len(codes), len(codes)
    if codes.device.type == "cpu":
        size = max(1, BLOCK_BYTES // (codes.element_size() * codes.shape[1]))
    return [slice(start, min(start + size, n)) for start in range(0, n, max(size, 1))]


class Unrolled(torch.autograd.Function):
    """Codes of all stages from what enters each of them; see the top of this file.

    `Unrolled.apply(projection, recurrent, threshold, branch, n_stages)` takes Y (n, p), S (p, p),
    theta (p,), and the branch B of the graph or None; it returns Z_1, ... (n, p).
    """

    @staticmethod
    def forward(
        ctx,
        projection: Tensor,
        recurrent: Tensor,
        threshold: Tensor,
        branch: GraphBranch | None,
        n_stages: int,
    ) -> tuple[Tensor, ...]:
        stretch = stretch_of(len(projection))
        blocks = row_blocks(projection) if branch is None else branch.blocks(projection)
        blocks = stretch.blocks(blocks)
        codes = [torch.empty_like(projection) for _ in range(n_stages + 1)]
        for rows in blocks:
            _shrink(projection[rows], threshold, out=codes[0][rows])
        stretch.fill_(codes[0])
        for stage, (code, new) in enumerate(itertools.pairwise(codes)):
            for rows in blocks:
                u = torch.addmm(projection[rows], code[rows], recurrent, out=new[rows])
                if branch is not None:
                    u += branch.rows(stage, code, rows)
                _shrink(u, threshold, out=u)
            stretch.fill_(new)
        ctx.branch, ctx.blocks, ctx.stretch = branch, blocks, stretch
        ctx.save_for_backward(recurrent, *codes)
        ctx.set_materialize_grads(False)  # most stages have no loss of their own
        return tuple(codes)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *gradients: Tensor | None):  # pyrefly: ignore[bad-override]
        recurrent, *codes = ctx.saved_tensors
        to_projection, to_recurrent = torch.zeros_like(codes[0]), torch.zeros_like(recurrent)
        to_threshold = recurrent.new_zeros(len(recurrent))
        passed = None  # the gradient in U of the stage behind
        for stage in reversed(range(len(codes))):
            own = gradients[stage]
            if own is None and passed is None:
                continue
            new = torch.empty_like(codes[0])
            for rows in ctx.blocks:
                gradient = new[rows]
                if passed is None:
                    gradient.zero_()
                else:
                    torch.mm(passed[rows], recurrent.T, out=gradient)
                    if ctx.branch is not None:
                        gradient += ctx.branch.adjoint_rows(stage, passed, rows)
                if own is not None:
                    gradient += own[rows]
                sign = codes[stage][rows].sign()
                to_threshold -= gradient.mul_(sign).sum(0)
                to_projection[rows] += gradient.mul_(sign)
                if stage > 0:
                    to_recurrent.addmm_(codes[stage - 1][rows].T, gradient)
            ctx.stretch.fill_(new)
            passed = new
        ctx.stretch.fill_(to_projection)
        if ctx.stretch.ranks.size > 1:
            ctx.stretch.ranks.sum_(to_recurrent)
            ctx.stretch.ranks.sum_(to_threshold)
        return to_projection, to_recurrent, to_threshold, None, None


def _shrink(u: Tensor, threshold: Tensor, *, out: Tensor) -> Tensor:
    return torch.sub(u, torch.clamp(u, -threshold, threshold), out=out)

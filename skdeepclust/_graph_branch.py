r"""The branch of TAGnet's stages that the graph is: :math:`Z \to -(\alpha / N) L Z`.

Three forms of it: all samples at once; a batch, with messages of an earlier state; samples that
are not in the graph, with the codes of those that are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional


def sum_over_neighbors(
    values: Tensor, indices: Tensor, weights: Tensor, offsets: Tensor | None = None
) -> Tensor:
    """Multiply a sparse matrix and a dense one (n, p), without ever copying rows of the latter."""
    return functional.embedding_bag(
        indices, values, offsets, mode="sum", per_sample_weights=weights
    )


class _SymmetricProduct(torch.autograd.Function):
    """A constant symmetric sparse matrix times codes: the backward pass is the same product."""

    @staticmethod
    def forward(ctx, codes: Tensor, matrix: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        ctx.matrix = matrix
        return sum_over_neighbors(codes, *matrix)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):  # pyrefly: ignore[bad-override]
        return sum_over_neighbors(gradient.contiguous(), *ctx.matrix), None


class WholeGraph:
    r"""The branch for all samples in their order.

    Parameters
    ----------
    laplacian : CSR matrix of shape (n, n)
        Symmetric Laplacian L.
    gain : float
        :math:`\alpha / N`.
    like : Tensor
        Its dtype and device are taken.
    """

    def __init__(self, laplacian: sparse.csr_array | sparse.csr_matrix, gain: float, like: Tensor):
        self.laplacian, self.gain, self.like = laplacian, gain, like
        self.matrix = self._tensors(laplacian)

    def _tensors(self, matrix) -> tuple[Tensor, Tensor, Tensor]:
        # 32-bit indices where they suffice: half the memory traffic
        dtype = np.int32 if matrix.nnz < 2**31 else np.int64
        indices, offsets = (
            torch.from_numpy(part.astype(dtype)).to(self.like.device)
            for part in (matrix.indices, matrix.indptr[:-1])
        )
        weights = torch.from_numpy(-self.gain * matrix.data).to(self.like)
        return indices, weights, offsets

    def __call__(self, stage: int, codes: Tensor) -> Tensor:
        return _SymmetricProduct.apply(codes, self.matrix)

    def codes_and_messages(self, encoder, projection: Tensor) -> tuple[Sequence[Tensor], Messages]:
        """Return the codes of all stages, and the branch for batches in which neighbours keep them.

        Parameters
        ----------
        encoder : TAGnet
            Network of stages.
        projection : Tensor of shape (n, p)
            What enters every stage.

        Returns
        -------
        codes : sequence of Tensor of shape (n, p)
            Codes of all stages.
        messages : Messages
            The branch.
        """
        diagonal = torch.from_numpy(-self.gain * self.laplacian.diagonal())
        own = diagonal.to(self.like)[:, None]  # (n, 1)
        received = []

        def branch(stage: int, codes: Tensor) -> Tensor:
            change = self(stage, codes)
            received.append(torch.addcmul(change, own, codes, value=-1))
            return change

        return encoder.codes(projection, branch), Messages(own, received)


class Messages:
    """What the neighbours sent to each sample at each stage, computed at an earlier time.

    Parameters
    ----------
    own : Tensor of shape (n, 1)
        Factor of a sample's own code.
    received : sequence of Tensor of shape (n, p)
        Weighted sum of the neighbours' codes, a stage.
    """

    def __init__(self, own: Tensor, received: Sequence[Tensor]):
        self.own, self.received = own, received

    def of(self, idx: Tensor):
        """Return the branch for the samples of a batch."""
        own = self.own[idx]
        return lambda stage, codes: torch.addcmul(self.received[stage][idx], own, codes)


class NewSamples:
    r"""The branch for samples that only receive: from the codes of the graph's samples.

    Parameters
    ----------
    neighbors : Tensor of int64 of shape (n, k)
        Indices among the graph's samples.
    weights : Tensor of shape (n, k)
        Weights of these edges; 0 where there is none.
    stages : sequence of Tensor of shape (n_train, p)
        Codes of the graph's samples, a stage.
    gain : Tensor of shape ()
        :math:`\alpha / N`.
    normalized : bool
        Whether the Laplacian is normalised.
    max_degree : float
        Largest sum of weights in the graph, for which the network is stable; weights of a sample
        that has more are scaled down to it. Of no effect on a normalised Laplacian.
    """

    def __init__(
        self,
        neighbors: Tensor,
        weights: Tensor,
        *,
        stages: Sequence[Tensor],
        gain: Tensor,
        normalized: bool,
        max_degree: float,
    ):
        degree = weights.sum(1, keepdim=True)  # (n, 1)
        if normalized:
            weights = weights / degree.clamp_min(torch.finfo(weights.dtype).tiny)
            degree = (degree > 0).to(weights)
        else:
            bounded = degree.clamp_max(max_degree)
            weights = weights * (bounded / degree.clamp_min(torch.finfo(weights.dtype).tiny))
            degree = bounded
        self.neighbors, self.stages = neighbors, stages
        self.weights, self.own = gain * weights, -gain * degree

    def __call__(self, stage: int, codes: Tensor) -> Tensor:
        received = sum_over_neighbors(self.stages[stage], self.neighbors, self.weights)
        return torch.addcmul(received, self.own, codes)

r"""The branch of TAGnet's stages that the graph is: :math:`Z \to -(\alpha / N) L Z`.

Three forms of it: all samples at once; a batch, with messages of an earlier state; samples that
are not in the graph, with the codes of those that are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.sparse import csgraph
from torch import Tensor
from torch.nn import functional

from skdeepclust._engine.sharding import stretch_of
from skdeepclust.networks._unrolled import GraphBranch


def sum_over_neighbors(
    values: Tensor, indices: Tensor, weights: Tensor, offsets: Tensor | None = None
) -> Tensor:
    """Multiply a sparse matrix and a dense one (n, p), without ever copying rows of the latter.

    Only whoever traces it gets copies, as other runtimes have no such operation.
    """
    if torch.compiler.is_compiling() and offsets is None:
        return (weights[:, None] @ values[indices]).squeeze(1)
    return functional.embedding_bag(
        indices, values, offsets, mode="sum", per_sample_weights=weights
    )


def neighborly_order(matrix: sparse.csr_array) -> np.ndarray:
    """Return an order (n,) of the rows of a symmetric matrix in which neighbours are near."""
    return csgraph.reverse_cuthill_mckee(sparse.csr_matrix(matrix), symmetric_mode=True)


class WholeGraph(GraphBranch):
    r"""The branch for all samples at once.

    Parameters
    ----------
    laplacian : CSR matrix of shape (n, n)
        Symmetric Laplacian L, in the samples' own order.
    gain : float
        :math:`\alpha / N`.
    like : Tensor
        Its dtype and device are taken.
    order : ndarray of int of shape (n,), default=None
        The samples in the order in which their codes come and go. A product of a large graph reads
        codes from the processor's cache if neighbours are near in it. `None`: their own order.

    Attributes
    ----------
    order : Tensor of int64 of shape (n,)
        That order.
    position : Tensor of int64 of shape (n,)
        Where each sample stands in it.
    """

    def __init__(
        self,
        laplacian: sparse.csr_array,
        gain: float,
        like: Tensor,
        *,
        order: np.ndarray | None = None,
    ):
        given: Any = laplacian
        order = np.arange(len(given.indptr) - 1) if order is None else order
        matrix = given[order][:, order]
        self.order = torch.from_numpy(order.astype(np.int64)).to(like.device)
        self.position = torch.argsort(self.order)
        self.own = torch.from_numpy(-gain * matrix.diagonal()).to(like)[:, None]  # (n, 1)
        # 32-bit indices where they suffice: half the memory traffic
        dtype = np.int32 if matrix.nnz < 2**31 else np.int64
        self.indices, self.offsets = (
            torch.from_numpy(part.astype(dtype)).to(like.device)
            for part in (matrix.indices, matrix.indptr[:-1])
        )
        self.weights = torch.from_numpy(-gain * matrix.data).to(like)
        self.starts = matrix.indptr  # on the host

    def rows(self, stage: int, codes: Tensor, rows: slice) -> Tensor:
        start, stop = int(self.starts[rows.start]), int(self.starts[rows.stop])
        edges = self.indices[start:stop], self.weights[start:stop]
        return sum_over_neighbors(codes, *edges, self.offsets[rows] - start)

    def adjoint_rows(self, stage: int, gradient: Tensor, rows: slice) -> Tensor:
        return self.rows(stage, gradient, rows)  # L is symmetric

    def codes(self, encoder, projection: Tensor, stages: Iterable[int]) -> list[Tensor]:
        """Return codes (n, p) of some stages from what enters them, both in the own order."""
        codes = encoder.codes(projection[self.order], self)
        return [codes[stage][self.position] for stage in stages]

    def messages(self, encoder, projection: Tensor) -> Messages:
        """Return the branch for batches in which neighbours keep the codes of this moment.

        Parameters
        ----------
        encoder : TAGnet
            Network of stages.
        projection : Tensor of shape (n, p)
            What enters every stage, in the samples' own order.

        Returns
        -------
        Messages
            The branch.
        """
        received = projection.new_empty(encoder.n_stages, *projection.shape)
        codes = encoder.codes(projection[self.order], _Recorded(self, received))
        for of_stage in received:
            stretch_of(len(of_stage)).fill_(of_stage)
        return Messages(self.own, received, self.position, last=codes[-1][self.position])


class _Recorded(GraphBranch):
    """The branch for all samples, which writes down what each gets from its neighbours."""

    def __init__(self, graph: WholeGraph, received: Tensor):
        self.graph, self.received = graph, received

    def rows(self, stage: int, codes: Tensor, rows: slice) -> Tensor:
        change = self.graph.rows(stage, codes, rows)
        own = self.graph.own[rows] * codes[rows]
        torch.sub(change, own, out=self.received[stage][rows])
        return change


class Messages(GraphBranch):
    """What the neighbours sent to each sample at each stage, computed at an earlier time.

    Parameters
    ----------
    own : Tensor of shape (n, 1)
        Factor of a sample's own code.
    received : Tensor of shape (n_stages, n, p)
        Weighted sum of the neighbours' codes.
    position : Tensor of int64 of shape (n,), default=None
        Where each sample stands among these; `None`: in their own order.
    last : Tensor of shape (n, p), default=None
        Codes of the last stage at that time, in the samples' own order.
    """

    def __init__(
        self,
        own: Tensor,
        received: Tensor,
        position: Tensor | None = None,
        last: Tensor | None = None,
    ):
        self.own, self.received, self.position, self.last = own, received, position, last

    def of(self, idx: Tensor) -> Messages:
        """Return the branch for the samples of a batch."""
        at = idx if self.position is None else self.position[idx]
        return Messages(self.own[at], self.received[:, at])

    def rows(self, stage: int, codes: Tensor, rows: slice) -> Tensor:
        return torch.addcmul(self.received[stage, rows], self.own[rows], codes[rows])

    def adjoint_rows(self, stage: int, gradient: Tensor, rows: slice) -> Tensor:
        return self.own[rows] * gradient[rows]  # messages are constants


class NewSamples(GraphBranch):
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

    has_gradient = False

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

    def rows(self, stage: int, codes: Tensor, rows: slice) -> Tensor:
        edges = self.neighbors[rows], self.weights[rows]
        received = sum_over_neighbors(self.stages[stage], *edges)
        return torch.addcmul(received, self.own[rows], codes[rows])

"""The network of TAGnet: iterations of graph-regularised sparse coding, unrolled.

Shapes: n samples, m features, p components.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust.networks._checks import check_positive
from skdeepclust.networks._unrolled import FunctionBranch, GraphBranch, Unrolled

# A step of less than 2 / Lipschitz constant converges; this keeps away from the edge.
SLACK = 1.01
# `graph_weight="auto"`, in units of |D|^2 / largest eigenvalue of L: the graph's part of a step,
# alpha / N times that eigenvalue, is then 1.65 of at most 2.
AUTO_GRAPH_WEIGHT = 5.0


def shrinkage(u: Tensor, threshold: Tensor) -> Tensor:
    r"""Soft thresholding :math:`\mathrm{sign}(u) \max(|u| - \theta, 0)` (Eq. 3.4).

    It has the values and gradients of :math:`\theta\, h_1(u / \theta)` (Eq. 3.6), without the
    division.

    Parameters
    ----------
    u : Tensor of shape (n, p)
        Values.
    threshold : Tensor of shape (p,)
        Thresholds, at least 0.

    Returns
    -------
    Tensor of shape (n, p)
        Values that are closer to 0 by the threshold, and 0 below it.

    References
    ----------
    Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
    Architecture for Clustering. SDM. Equations (3.4) and (3.6).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import shrinkage
    >>> shrinkage(torch.tensor([[3.0, -0.5, -2.0]]), torch.ones(3))
    tensor([[ 2.,  0., -1.]])
    """
    return u - torch.clamp(u, -threshold, threshold)


Branch = Callable[[int, Tensor], Tensor]


class TAGnet(nn.Module):
    r"""Unrolled iterations of graph-regularised sparse coding (task-specific, graph-regularised).

    .. math:: Z_1 = h_\theta(X W), \quad
        Z_{k+1} = h_\theta(Z_k S - \tfrac{\alpha}{N} L Z_k + X W),

    for k = 1 ... `n_stages`, with weights that all stages share. Each stage is an iteration of
    ISTA on

    .. math:: \tfrac12 \|X - Z D\|^2 + \lambda \|Z\|_1 + \tfrac{\alpha}{2} \mathrm{Tr}(Z^T L Z)

    (Eq. 2.2) as long as `W = D^T / N`, `S = I - D D^T / N` and `theta = lambda / N` (Eq. 3.5):
    the initial values, which training leaves. Thresholds stay positive: their logarithm is
    trained.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of a sample; samples are flattened.
    n_components : int, default=128
        Number of atoms p, the components of the codes.
    n_stages : int, default=2
        Number of iterations K after the first code, at least 0.
    scaled : bool, default=True
        Whether W and S are trained in units of 1 / N, so that what is learned is of the size of
        the atoms; with entries as small as those of W, a step of Adam would leave the initial
        values at once. False: W and S themselves, as in the paper.

    Attributes
    ----------
    gain : Tensor of shape ()
        :math:`\alpha / N`, by which the graph acts at each stage.

    References
    ----------
    Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
    Architecture for Clustering. SDM. Equations (3.3) to (3.6).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import TAGnet
    >>> network = TAGnet(input_shape=(64,), n_components=32, n_stages=2)
    >>> network.set_dictionary(torch.eye(64)[:32], lam=0.5)
    >>> codes = network(torch.ones(5, 64))
    >>> len(codes), codes[-1].shape, codes[-1][0, 0].item()
    (3, torch.Size([5, 32]), 0.5000)
    """

    gain: Tensor
    base_threshold: Tensor
    unit: Tensor

    def __init__(
        self,
        *,
        input_shape: Sequence[int],
        n_components: int = 128,
        n_stages: int = 2,
        scaled: bool = True,
    ):
        super().__init__()
        n_features = math.prod(int(size) for size in input_shape)
        check_positive(n_features=n_features, n_components=n_components)
        if n_stages < 0:
            raise ValueError(f"n_stages must be at least 0, got {n_stages}.")
        self.n_stages = int(n_stages)
        self.n_components = int(n_components)
        self.scaled = bool(scaled)
        # W = weight / unit, S = I - inhibition / unit
        self.weight = nn.Parameter(torch.empty(n_features, n_components))
        self.inhibition = nn.Parameter(torch.empty(n_components, n_components))
        self.log_scale = nn.Parameter(torch.empty(n_components))
        self.register_buffer("unit", torch.empty(()))
        self.register_buffer("base_threshold", torch.empty(()))
        self.register_buffer("gain", torch.empty(()))
        self.set_dictionary(functional.normalize(torch.randn(n_components, n_features), dim=1))

    @torch.no_grad()
    def set_dictionary(
        self,
        dictionary: Tensor,
        *,
        lam: float = 0.1,
        graph_weight: float | str = 0.0,
        largest_eigenvalue: float = 2.0,
    ) -> None:
        r"""Start from the iterations for a dictionary.

        The step 1 / N is at most :math:`1 / \|D\|^2`, as in the paper, and at most
        :math:`2 / (\|D\|^2 + \alpha \lambda_{max}(L))`: more would diverge because of the graph.

        Parameters
        ----------
        dictionary : Tensor of shape (n_components, n_features)
            Atoms D as rows.
        lam : float, default=0.1
            Weight lambda of the codes' absolute values, at least 0.
        graph_weight : float or "auto", default=0.0
            Weight alpha of the graph; "auto": :math:`5 \|D\|^2 / \lambda_{max}(L)`, with which
            the graph acts as strongly as is safe.
        largest_eigenvalue : float, default=2.0
            A bound of the Laplacian's largest eigenvalue; 2 holds for every normalised one.
        """
        self._check_start(dictionary, lam, graph_weight)
        dictionary = dictionary.to(self.weight)
        norm = float(torch.linalg.matrix_norm(dictionary.double(), 2)) ** 2 or 1.0
        if isinstance(graph_weight, str):
            graph_weight = AUTO_GRAPH_WEIGHT * norm / max(largest_eigenvalue, 1e-12)
        bound = SLACK * max(norm, (norm + graph_weight * largest_eigenvalue) / 2)
        unit = bound if self.scaled else 1.0
        self.unit.fill_(unit)
        self.weight.copy_(dictionary.T * (unit / bound))
        self.inhibition.copy_(dictionary @ dictionary.T * (unit / bound))
        self.log_scale.zero_()
        self.base_threshold.fill_(lam / bound)
        self.gain.fill_(graph_weight / bound)

    def _check_start(self, dictionary: Tensor, lam: float, graph_weight: float | str) -> None:
        shape = self.weight.shape[::-1]
        if dictionary.shape != shape:
            raise ValueError(
                f"dictionary has the shape {tuple(dictionary.shape)}; this network needs "
                f"(n_components, n_features) = {tuple(shape)}."
            )
        if not lam >= 0:
            raise ValueError(f"lam must be at least 0, got {lam}.")
        if graph_weight != "auto" and (isinstance(graph_weight, str) or not graph_weight >= 0):
            raise ValueError(f'graph_weight must be at least 0 or "auto", got {graph_weight!r}.')

    @property
    def threshold(self) -> Tensor:
        """Thresholds theta (p,), positive unless lambda is 0."""
        return self.base_threshold * self.log_scale.exp()

    def project(self, x: Tensor) -> Tensor:
        """Return X W (n, p), which enters every stage."""
        return x.flatten(1) @ (self.weight / self.unit)

    def codes(self, projection: Tensor, branch: Branch | None = None) -> tuple[Tensor, ...]:
        r"""Return the codes of all stages from X W.

        Parameters
        ----------
        projection : Tensor of shape (n, p)
            What `project` returned.
        branch : callable, default=None
            The graph: `branch(k, Z)` returns :math:`-(\alpha / N) L Z`, of shape (n, p), for the
            codes of stage k = 0 ... n_stages - 1; gradients pass through Z alone. `None` leaves
            it out.

        Returns
        -------
        tuple of Tensor of shape (n, p)
            `Z_1, ..., Z_{n_stages + 1}`, of which the last one is the output A.
        """
        if branch is not None and not isinstance(branch, GraphBranch):
            branch = FunctionBranch(branch)
        eye = torch.eye(self.n_components, dtype=projection.dtype, device=projection.device)
        recurrent = eye - self.inhibition / self.unit  # S
        plain = branch is None or not branch.has_gradient
        if plain and torch.compiler.is_compiling():  # blocks of rows are no graph
            return self._plain_codes(projection, recurrent, branch)
        return Unrolled.apply(projection, recurrent, self.threshold, branch, self.n_stages)

    def _plain_codes(
        self, projection: Tensor, recurrent: Tensor, branch: GraphBranch | None
    ) -> tuple[Tensor, ...]:
        """Return what `Unrolled` does, all rows at a time, for whoever traces it."""
        codes = [shrinkage(projection, self.threshold)]
        for stage in range(self.n_stages):
            u = torch.addmm(projection, codes[-1], recurrent)
            if branch is not None:
                u = u + branch.rows(stage, codes[-1], slice(None))
            codes.append(shrinkage(u, self.threshold))
        return tuple(codes)

    def forward(self, x: Tensor, branch: Branch | None = None) -> tuple[Tensor, ...]:
        """Return the codes of all stages; see `codes`.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Samples.
        branch : callable, default=None
            The graph.

        Returns
        -------
        tuple of Tensor of shape (n, p)
            The codes of all stages.
        """
        return self.codes(self.project(x), branch)


class PlainEncoder(nn.Module):
    """Any network from samples to features, with the interface of :class:`TAGnet`.

    It has no stages, so neither a graph nor auxiliary tasks: the baseline of the paper.

    Parameters
    ----------
    network : torch.nn.Module
        Makes features (n, p) of a batch.
    n_components : int
        Number p of its features.
    """

    n_stages = 0

    def __init__(self, network: nn.Module, n_components: int):
        super().__init__()
        self.network = network
        self.n_components = n_components
        self.register_buffer("gain", torch.zeros(()))

    def set_dictionary(self, dictionary: Tensor, **options) -> None:
        """Keep the network's own initial values."""

    def project(self, x: Tensor) -> Tensor:
        """Return the features."""
        features = self.network(x).flatten(1)
        if features.shape[1] != self.n_components:
            raise ValueError(
                f"module makes {features.shape[1]} features of a sample, but "
                f"n_components={self.n_components}: give the number that it makes."
            )
        return features

    def codes(self, projection: Tensor, branch: Branch | None = None) -> tuple[Tensor, ...]:
        """Return the features as the only stage."""
        return (projection,)

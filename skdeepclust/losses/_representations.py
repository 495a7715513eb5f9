"""Penalties on the representation of a layer: k-means in three unfoldings, decorrelation, size.

Shapes: N samples, C channels (or units), H x W positions, K centres. A representation is
(N, C) or (N, C, H, W); any number of spatial dimensions does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import starmap

import torch
from torch import Tensor

from skdeepclust.losses._clustering import (
    at_least_single,
    check_sample_weight,
    normalized,
    product,
    weighted_mean,
)

CLUSTERINGS = ("sample", "spatial", "channel")
# what is worked on at a time, so that it stays in the cache: with 100 centres, some MB
ROWS_AT_A_TIME = 2048
COLUMNS_AT_A_TIME = 4096
NUMBERS_AT_A_TIME = 2**19


def row_chunks(rows: Tensor, *others: Tensor) -> Iterable[tuple[Tensor, ...]]:
    """Split a matrix, and what belongs to its rows, into rows that are worked on at a time."""
    n_columns = max(1, min(rows.shape[1], COLUMNS_AT_A_TIME))
    n_rows = max(1, min(ROWS_AT_A_TIME, NUMBERS_AT_A_TIME // n_columns))
    return _pieces((rows, *others), n_rows, 0)


def column_blocks(*matrices: Tensor) -> Iterable[tuple[Tensor, ...]]:
    """Split matrices of the same width into columns that are worked on at a time."""
    return _pieces(matrices, COLUMNS_AT_A_TIME, 1)


def _pieces(tensors: tuple[Tensor, ...], size: int, dim: int) -> Iterable[tuple[Tensor, ...]]:
    if tensors[0].shape[dim] <= size:
        return [tensors]
    return zip(*(tensor.split(size, dim) for tensor in tensors), strict=True)


def unfold(representation: Tensor, clustering: str) -> Tensor:
    r"""Unfold a representation into the rows that are clustered (Eq. 1, 2, 3).

    Parameters
    ----------
    representation : Tensor of shape (N, C) or (N, C, H, W)
        Output of a layer.
    clustering : {"sample", "spatial", "channel"}
        "sample": a row for each sample, (N, C H W). "spatial": a row for each position of each
        sample, (N H W, C). "channel": a row for each channel of each sample, (N C, H W).

    Returns
    -------
    Tensor of shape (rows, dims)
        A view where the memory layout allows it.

    Raises
    ------
    ValueError
        If `clustering` is unknown, the representation has less than two dimensions, or
        channels of a matrix, single numbers, would be clustered.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Section 3.1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import unfold
    >>> representation = torch.zeros(2, 3, 4, 5)
    >>> [tuple(unfold(representation, c).shape) for c in ("sample", "spatial", "channel")]
    [(2, 60), (40, 3), (6, 20)]
    """
    check_unfolding(representation, clustering)
    if clustering == "sample":
        return representation.flatten(1)
    if clustering == "spatial":
        return representation.movedim(1, -1).flatten(0, -2)
    return representation.flatten(2).flatten(0, 1)


def check_clustering(clustering: object) -> None:
    """Raise ValueError unless `clustering` names an unfolding."""
    if clustering not in CLUSTERINGS:
        raise ValueError(f"clustering must be one of {CLUSTERINGS}, got {clustering!r}.")


def check_unfolding(representation: Tensor, clustering: str) -> None:
    """Raise ValueError unless the representation has the rows that are to be clustered."""
    check_clustering(clustering)
    check_ndim(representation=representation)
    if clustering == "channel" and representation.ndim == 2:
        raise ValueError(
            "channel clustering needs a representation (N, C, H, W); of one of shape "
            f"{tuple(representation.shape)} it would cluster single numbers. Use 'sample'."
        )


def check_ndim(**tensors: Tensor) -> None:
    """Raise ValueError, naming the argument and its shape, unless there are units in it."""
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            raise ValueError(
                f"{name} must be (N, C) or (N, C, H, W), got the shape {tuple(tensor.shape)}."
            )


def row_weight(sample_weight: Tensor, n_rows: int) -> Tensor:
    """Repeat the weight of a sample for each of its rows; all unfoldings keep samples together."""
    return sample_weight.repeat_interleave(n_rows // len(sample_weight), output_size=n_rows)


@torch.no_grad()
def nearest_centers(rows: Tensor, centers: Tensor, *, origin: Tensor | None = None) -> Tensor:
    """Return the index (rows,) of the nearest centre, never with more than a chunk of distances.

    Rows and centres are seen from a point among the centres, by default their mean: far from
    zero, the large squares would cancel all digits. With `origin`, rows are seen from it already.
    """
    if origin is None:
        origin = centers.mean(0)
        rows = rows - origin
    labels = []
    for (chunk,) in row_chunks(rows):
        scores = starmap(_nearness, column_blocks(chunk, centers, origin[None]))
        labels.append(_first_largest(reduce(Tensor.add_, scores)))
    return torch.cat(labels)


def _nearness(rows: Tensor, centers: Tensor, origin: Tensor) -> Tensor:
    """Return (|x|^2 - |x - mu|^2) / 2, (k, rows): |x|^2 is the same for all centres."""
    centers = centers - origin
    half_squares = torch.linalg.vector_norm(centers, dim=1, keepdim=True).square_().div_(2)
    # with out=: autocast, which would leave three digits, doesn't touch that
    scores = torch.mm(centers, rows.T, out=centers.new_empty(len(centers), len(rows)))
    return scores.sub_(half_squares)


def _first_largest(scores: Tensor) -> Tensor:
    """Return the index of the largest score (k, n) of each column; the scores are lost."""
    # max and argmax would take twice as long: they look at the numbers one by one, amax doesn't
    last = len(scores) - 1
    to_last = torch.arange(last, -1, -1, dtype=scores.dtype, device=scores.device)
    is_largest = scores.eq_(scores.amax(0))
    return (last - is_largest.mul_(to_last[:, None]).amax(0)).long()


def clustering_penalty(
    representation: Tensor,
    centers: Tensor,
    *,
    clustering: str = "sample",
    assignments: Tensor | None = None,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""K-means penalty :math:`\frac{1}{2 N C H W} \sum_i \|X_i - \mu_{z_i}\|^2` (Eq. 1, 2, 3).

    X is the unfolding of the representation. All three unfoldings have the same normaliser.

    Parameters
    ----------
    representation : Tensor of shape (N, C) or (N, C, H, W)
        Output of a layer.
    centers : Tensor of shape (K, dims)
        Centres mu, with as many columns as the unfolding.
    clustering : {"sample", "spatial", "channel"}, default="sample"
        What is clustered; see :func:`unfold`.
    assignments : Tensor of int of shape (rows,), default=None
        Cluster z of each row; None: the nearest centre.
    sample_weight : Tensor of shape (N,), default=None
        Non-negative weights of the samples in the mean over N; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The penalty, differentiable in `representation` and `centers`.

    Raises
    ------
    ValueError
        If the shapes do not agree or `clustering` is unknown.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Equations (1), (2), (3).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import clustering_penalty
    >>> representation = torch.tensor([[1.0, 0.0], [5.0, 4.0]])
    >>> clustering_penalty(representation, torch.tensor([[0.0, 0.0], [4.0, 4.0]]))
    tensor(0.2500)
    """
    rows = at_least_single(unfold(representation, clustering))
    if centers.ndim != 2 or not len(centers) or centers.shape[1] != rows.shape[1]:
        raise ValueError(
            f"centers must have the shape (K, {rows.shape[1]}) for {clustering} clustering of a "
            f"representation {tuple(representation.shape)}, got {tuple(centers.shape)}."
        )
    centers = centers.to(rows.dtype)
    if assignments is None:
        assignments = nearest_centers(rows, centers)
    elif assignments.shape != rows.shape[:1]:
        raise ValueError(
            f"assignments must hold one cluster for each of the {len(rows)} rows, got the shape "
            f"{tuple(assignments.shape)}."
        )
    # index_select: its gradient is several times faster than that of centers[assignments]
    error = (rows - centers.index_select(0, assignments)).square()
    if sample_weight is None:
        return error.mean() / 2
    weight = row_weight(check_sample_weight(sample_weight, representation), len(rows))
    return weighted_mean(error.mean(1), weight) / 2


def activation_penalty(representation: Tensor, *, sample_weight: Tensor | None = None) -> Tensor:
    r"""Penalty on the size of activations, :math:`\frac{1}{2 N C H W} \|Y\|^2`.

    It is the clustering penalty with one centre that stays at the origin: what is left of a
    gain over it comes from the clusters.

    Parameters
    ----------
    representation : Tensor of shape (N, ...)
        Output of a layer.
    sample_weight : Tensor of shape (N,), default=None
        Non-negative weights of the samples; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The penalty.

    Raises
    ------
    ValueError
        If the shapes do not agree.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import activation_penalty
    >>> activation_penalty(torch.tensor([[1.0, -1.0], [3.0, 3.0]]))
    tensor(2.5000)
    """
    check_ndim(representation=representation)
    squares = at_least_single(representation).flatten(1).square().mean(1)  # (N,)
    return weighted_mean(squares, sample_weight) / 2


def decov_loss(activations: Tensor, *, sample_weight: Tensor | None = None) -> Tensor:
    r"""DeCov :math:`\frac12 \sum_{i \ne j} C_{ij}^2` of the covariance C of the units.

    The covariance is taken over the batch, divided by its number of samples N.

    Parameters
    ----------
    activations : Tensor of shape (N, C) or (N, C, H, W)
        Output of a layer; what is not a matrix is flattened to (N, C H W).
    sample_weight : Tensor of shape (N,), default=None
        Non-negative weights of the samples in mean and covariance; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 if no two units are correlated.

    Raises
    ------
    ValueError
        If the shapes do not agree.

    References
    ----------
    M. Cogswell, F. Ahmed, R. Girshick, L. Zitnick, D. Batra (2016). Reducing Overfitting in
    Deep Networks by Decorrelating Representations. ICLR. Equation (2).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import decov_loss
    >>> decov_loss(torch.tensor([[1.0, 2.0], [-1.0, -2.0]]))
    tensor(4.)
    """
    check_ndim(activations=activations)
    units, weighted = _centred(activations, sample_weight)
    n_samples, n_units = units.shape
    if n_units <= n_samples:
        covariance = product(weighted.T, units.T)  # (units, units)
        # the diagonal goes before squaring, which it would otherwise dominate
        return (covariance - covariance.diagonal().diag()).square().sum() / 2
    squares = _squares_of_product(weighted, units)
    return (squares - (weighted * units).sum(0).square().sum()) / 2


def xcov_loss(
    activations: Tensor, predictions: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    r"""XCov :math:`\frac12 \sum_{ij} C_{ij}^2` of the cross-covariance C of units and predictions.

    The covariance is taken over the batch, divided by its number of samples N.

    Parameters
    ----------
    activations : Tensor of shape (N, C) or (N, C, H, W)
        Output of a layer; what is not a matrix is flattened to (N, C H W).
    predictions : Tensor of shape (N, outputs) or (N, ...)
        What the units shall not be correlated with, as the network's predictions.
    sample_weight : Tensor of shape (N,), default=None
        Non-negative weights of the samples in means and covariance; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 if no unit is correlated with a prediction.

    Raises
    ------
    ValueError
        If the shapes do not agree.

    References
    ----------
    B. Cheung, J. A. Livezey, A. K. Bansal, B. A. Olshausen (2014). Discovering Hidden Factors
    of Variation in Deep Networks. arXiv:1412.6583. The penalty XCov.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import xcov_loss
    >>> activations = torch.tensor([[1.0, 2.0], [-1.0, -2.0]])
    >>> xcov_loss(activations, predictions=torch.tensor([[1.0], [-1.0]]))
    tensor(2.5000)
    """
    check_ndim(activations=activations, predictions=predictions)
    if len(activations) != len(predictions):
        raise ValueError(
            "activations and predictions must have a row for each sample, got "
            f"{len(activations)} and {len(predictions)} rows."
        )
    _, weighted = _centred(activations, sample_weight)
    outputs, _ = _centred(predictions, sample_weight)
    dtype = torch.promote_types(weighted.dtype, outputs.dtype)
    weighted, outputs = weighted.to(dtype), outputs.to(dtype)
    if weighted.shape[1] * outputs.shape[1] <= len(outputs) ** 2:
        return product(weighted.T, outputs.T).square().sum() / 2
    return _squares_of_product(weighted, outputs) / 2


def _centred(activations: Tensor, sample_weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return units (N, units) less their mean, and these times each sample's share."""
    units = at_least_single(activations).flatten(1)
    units = units - weighted_mean(units, sample_weight)
    if sample_weight is None:
        return units, units / len(units)
    return units, units * normalized(check_sample_weight(sample_weight, units))[:, None]


def _squares_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Return |A^T B|^2 = <A A^T, B B^T>: no matrix larger than (N, N) for wide layers."""
    return (product(a, a) * product(b, b)).sum()

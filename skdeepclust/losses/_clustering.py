"""Soft assignment to cluster centres and the losses on it: equations (2), (3), (4), (6).

Shapes: n samples, k clusters, d dimensions of the embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor


def check_same_shape(**tensors: Tensor) -> None:
    """Raise ValueError, naming the arguments and their shapes, unless all shapes are equal."""
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        given = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"{' and '.join(tensors)} must have the same shape, got {given}.")


def check_sample_weight(sample_weight: Tensor, like: Tensor) -> Tensor:
    """Return the weights in the precision of `like`, or raise ValueError on a wrong shape."""
    if sample_weight.shape != like.shape[:1]:
        raise ValueError(
            f"sample_weight must hold one weight for each of the {len(like)} rows, shape "
            f"({len(like)},), got {tuple(sample_weight.shape)}."
        )
    return sample_weight.to(like.dtype)


def tiny(tensor: Tensor) -> float:
    """Return the smallest normal number of the tensor's dtype."""
    return torch.finfo(tensor.dtype).tiny


def normalized(weight: Tensor) -> Tensor:
    """Divide by the sum; weights that are all 0 stay 0."""
    # To divide the weights and not the loss keeps 1 / tiny out of the gradient.
    return weight / weight.sum().clamp_min(tiny(weight))


def weighted_mean(values: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Mean over the rows; 0, still attached to the graph, when every weight is 0."""
    if sample_weight is None:
        return values.mean(0)
    share = normalized(check_sample_weight(sample_weight, values))
    return (values.movedim(0, -1) * share).sum(-1)


def at_least_single(tensor: Tensor) -> Tensor:
    """Lift half precision to single precision and leave every other dtype as it is."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return `a @ b.T` in the precision of its arguments, also under autocast."""
    # Half precision keeps three digits: too few to tell near neighbours apart.
    with torch.autocast(a.device.type, enabled=False):
        return a @ b.T


def add_rows_(total: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    """Add each of `rows` to the row of `total` that `index` names; return `total`.

    As `index_add_`, which adds in another order, and so rounds otherwise, in each run on a GPU.
    """
    if total.device.type == "cuda":
        return total.index_put_((index,), rows, accumulate=True)
    return total.index_add_(0, index, rows)


def _log(probability: Tensor) -> Tensor:
    # Finite at 0 in value and gradient, so that 0 log 0 = 0 has neither inf nor nan in it.
    return probability.clamp_min(tiny(probability)).log()


def _entropy(probability: Tensor) -> Tensor:
    return -(probability * _log(probability)).sum(-1)


def pairwise_squared_distances(a: Tensor, b: Tensor) -> Tensor:
    r"""Squared Euclidean distances :math:`|a_i - b_j|^2` by one matrix product.

    The mean of `b` is subtracted from both first. This changes no distance, but without it
    data far from the origin lose all digits when the large squares cancel.

    Parameters
    ----------
    a : Tensor of shape (n, d)
        Points; half precision is computed in single precision.
    b : Tensor of shape (m, d)
        The other points.

    Returns
    -------
    Tensor of shape (n, m)
        Distances, never negative.

    Raises
    ------
    ValueError
        If `a` and `b` are not matrices with the same number of columns.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import pairwise_squared_distances
    >>> pairwise_squared_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.zeros(1, 2))
    tensor([[ 0.],
            [25.]])
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            "a and b must be matrices with the same number of columns, got "
            f"a {tuple(a.shape)} and b {tuple(b.shape)}."
        )
    a, b = at_least_single(a), at_least_single(b)
    # The origin cancels from the distances, hence from their derivatives as well.
    origin = b.detach().mean(0)
    a, b = a - origin, b - origin
    squares = a.square().sum(1, keepdim=True) + b.square().sum(1)  # (n, m)
    return (squares - 2 * product(a, b)).clamp_min(0)


def student_t_assignment(
    embedding: Tensor, centers: Tensor, *, degrees_of_freedom: float = 1.0, scale: float = 1.0
) -> Tensor:
    r"""Soft assignment :math:`q_{ij} \propto (1 + s |z_i - \mu_j|^2 / a)^{-(a + 1) / 2}`.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embedded samples z.
    centers : Tensor of shape (k, d)
        Cluster centres mu.
    degrees_of_freedom : float, default=1.0
        Degrees of freedom a > 0 of the Student-t kernel; the larger, the closer it is to a
        Gaussian.
    scale : float, default=1.0
        Factor s > 0 on the squared distances: the larger, the harder the assignment.

    Returns
    -------
    Tensor of shape (n, k)
        Probabilities; each row sums to 1.

    Raises
    ------
    ValueError
        If `embedding` and `centers` are not matrices with the same number of columns.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (2).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import student_t_assignment
    >>> student_t_assignment(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]]))
    tensor([[0.8333, 0.1667],
            [0.5000, 0.5000]])
    """
    distances = pairwise_squared_distances(embedding, centers)  # (n, k)
    kernel = torch.log1p(scale * distances / degrees_of_freedom)
    # The softmax of log q keeps rows far from every centre finite, where q itself underflows.
    return torch.softmax(-(degrees_of_freedom + 1) / 2 * kernel, dim=1)


def target_distribution(
    assignment: Tensor,
    *,
    sample_weight: Tensor | None = None,
    cluster_prior: Tensor | None = None,
) -> Tensor:
    r"""Sharpened assignment :math:`p_{ij} \propto q_{ij}^2\, \pi_j / \sum_i w_i q_{ij}`.

    Squaring prefers confident assignments, the division keeps clusters from growing beyond their
    prior share :math:`\pi_j`. As a target it is a constant: compute it without gradient or detach
    it.

    Parameters
    ----------
    assignment : Tensor of shape (n, k)
        Probabilities q; each row sums to 1.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights w of the rows in the cluster sizes; None: all 1.
    cluster_prior : Tensor of shape (k,), default=None
        Expected shares pi of the clusters, positive; None: all the same, as in the paper.

    Returns
    -------
    Tensor of shape (n, k)
        Probabilities; each row sums to 1.

    Raises
    ------
    ValueError
        If the shape of `sample_weight` or `cluster_prior` does not fit.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (3).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import target_distribution
    >>> target_distribution(torch.tensor([[0.75, 0.25], [0.25, 0.75]]))
    tensor([[0.9000, 0.1000],
            [0.1000, 0.9000]])
    """
    if sample_weight is None:
        frequency = assignment.sum(0)  # (k,)
    else:
        weight = check_sample_weight(sample_weight, assignment)
        frequency = (assignment * weight[:, None]).sum(0)
    # A cluster without any member has the share 0 / 0: let it be 0.
    share = assignment / frequency.clamp_min(tiny(assignment))
    sharpened = assignment * share  # (n, k)
    if cluster_prior is not None:
        sharpened = sharpened * check_cluster_prior(cluster_prior, assignment)
    return sharpened / sharpened.sum(1, keepdim=True)


def assignment_kl(
    target: Tensor, assignment: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Divergence :math:`KL(P \| Q)`: the mean over samples of `sum_j p_ij log(p_ij / q_ij)`.

    Parameters
    ----------
    target : Tensor of shape (n, k)
        Probabilities p; each row sums to 1.
    assignment : Tensor of shape (n, k)
        Probabilities q; an exact 0 counts as the smallest normal number.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in the mean; None: all 1.

    Returns
    -------
    Tensor of shape ()
        Divergence in nats, 0 if both agree.

    Raises
    ------
    ValueError
        If the shapes do not agree.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (4).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import assignment_kl
    >>> assignment_kl(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]]))
    tensor(0.6931)
    """
    check_same_shape(target=target, assignment=assignment)
    divergence = (target * (_log(target) - _log(assignment))).sum(1)  # (n,)
    return weighted_mean(divergence, sample_weight)


def check_cluster_prior(cluster_prior: Tensor, assignment: Tensor) -> Tensor:
    """Return the prior in the assignment's type, or raise ValueError if its shape doesn't fit.

    Parameters
    ----------
    cluster_prior : Tensor of shape (k,)
        Expected shares of the clusters.
    assignment : Tensor of shape (n, k)
        Probabilities.

    Returns
    -------
    Tensor of shape (k,)
        The shares.
    """
    if cluster_prior.shape != assignment.shape[1:]:
        raise ValueError(
            f"cluster_prior has shape {tuple(cluster_prior.shape)}; the assignment has "
            f"{assignment.shape[1]} clusters: give shape ({assignment.shape[1]},)."
        )
    return cluster_prior.to(assignment)


def information_loss(
    assignment: Tensor,
    *,
    sample_weight: Tensor | None = None,
    cluster_prior: Tensor | None = None,
) -> Tensor:
    r"""Negative information :math:`mean_i H(q_i) - H(mean_i q_i)`, to be minimised.

    The first term asks for a sure assignment of every sample, the second one for clusters of
    equal size. With a prior :math:`\pi` the second term becomes
    :math:`KL(mean_i q_i \| \pi) - H(\pi)`, which asks for the shares of the prior; both are the
    same where these are equal.

    Parameters
    ----------
    assignment : Tensor of shape (n, k)
        Probabilities q; each row sums to 1.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in both means; None: all 1.
    cluster_prior : Tensor of shape (k,), default=None
        Expected shares pi of the clusters, positive, with sum 1; None: all the same.

    Returns
    -------
    Tensor of shape ()
        Value in nats; at least `-H(pi)`, which is `-log k` without a prior. Without one at most
        0.

    Raises
    ------
    ValueError
        If the shape of `sample_weight` or `cluster_prior` does not fit.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (6), there to be maximised.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import information_loss
    >>> information_loss(torch.eye(2))
    tensor(-0.6931)
    >>> prior = torch.tensor([0.25, 0.75])
    >>> information_loss(torch.eye(2)[[0, 1, 1, 1]], cluster_prior=prior)
    tensor(-0.5623)
    """
    marginal = weighted_mean(assignment, sample_weight)  # (k,)
    negative = weighted_mean(_entropy(assignment), sample_weight) - _entropy(marginal)
    if cluster_prior is None:
        return negative
    prior = check_cluster_prior(cluster_prior, assignment)
    # KL(m || pi) - H(pi) = -H(m) - sum_j (m_j - pi_j) log pi_j
    return negative - ((marginal - prior) * _log(prior)).sum()

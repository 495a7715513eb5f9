"""Losses that force distributions apart, of samples or of units: equations (5) to (10).

Shapes: N samples, k units. The normalised output p of a sample, or of the weights of a unit, is a
softmax (Eq. 6, 9); f(i, j) is the hinge of a divergence between two of them (Eq. 7).
"""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from skdeepclust.losses._clustering import (
    add_rows_,
    at_least_single,
    check_sample_weight,
    normalized,
    tiny,
)
from skdeepclust.losses._pairwise_hinge import (
    KERNELS,
    Pairs,
    PairwiseHinge,
)
from skdeepclust.losses._representations import check_ndim

DIVERGENCES = tuple(KERNELS)
# the largest value that a divergence takes, and how it is written
BOUNDS = {"js": (math.log(2), "ln 2 = 0.6931..."), "hellinger": (1.0, "1")}
# with fewer samples a label, to compare the labels of all pairs is quicker than to go from label
# to label
GROUPED_SAMPLES = 16
# and in smaller batches with any labels, unless pairs take logarithms ("js")
COMPARED_SAMPLES = 192


def check_margin(margin: object, divergence: object) -> None:
    """Raise ValueError or TypeError unless a hinge with this margin can be met."""
    if divergence not in DIVERGENCES:
        raise ValueError(f"divergence must be one of {DIVERGENCES}, got {divergence!r}.")
    if isinstance(margin, bool) or not isinstance(margin, Real):
        raise TypeError(f"margin must be a number, got {margin!r}.")
    if not 0 < float(margin) < math.inf:
        raise ValueError(f"margin must be positive and finite, got {margin!r}.")
    bound, written = BOUNDS.get(str(divergence), (math.inf, ""))
    if float(margin) >= bound:
        raise ValueError(
            f"margin must be less than {written}, the largest value of divergence="
            f"{divergence!r}: no two samples would ever be far enough apart; got {margin!r}."
        )


# ---------------------------------------------------------------- samples


def forced_apart_loss(
    activations: Tensor,
    labels: Tensor | None = None,
    *,
    margin: float,
    divergence: str = "kl",
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Force samples with the same label apart (Eq. 8), or all samples (Eq. 10).

    The mean over labels s of :math:`\frac{2}{N_s^2} \sum_{i, j \in s} f(i, j)`, where
    :math:`f(i, j) = \max(0, m - D(p_i \| p_j))` and p is the softmax of the activations. As in
    the paper, the sum contains the pairs of a sample with itself, which add the constant
    :math:`2 m / N_s`.

    Parameters
    ----------
    activations : Tensor of shape (N, C) or (N, C, H, W)
        Output of a layer, seen as logits; what is not a matrix is flattened to (N, C H W).
    labels : Tensor of int of shape (N,), default=None
        Coarse labels; None: all samples have the same one. -1 is a label like any other, so
        samples without a label are forced apart from each other.
    margin : float
        Divergence m > 0, in nats for all but "hellinger", from which on two samples are far
        enough apart; less than ln 2 for "js" and less than 1 for "hellinger".
    divergence : {"kl", "js", "jeffreys", "hellinger"}, default="kl"
        D. "kl": Kullback-Leibler, :math:`KL(p \| q) = \sum p \log (p / q)`. "js":
        Jensen-Shannon, the mean of `KL(p || r)` and `KL(q || r)` with r = (p + q) / 2, at most
        ln 2. "jeffreys": the mean of `KL(p || q)` and `KL(q || p)`. "hellinger": the square of
        the Hellinger distance, :math:`1 - \sum \sqrt{p q}`, at most 1.
    sample_weight : Tensor of shape (N,), default=None
        Non-negative weights w: a pair has :math:`w_i w_j / (\sum_s w)^2` instead of
        :math:`1 / N_s^2`. A label whose weights are all 0 doesn't count in the mean. None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss, between 0 and `2 * margin`; 0, still attached to the graph, if all weights
        are 0. It can be differentiated once.

    Raises
    ------
    TypeError
        If `margin` is no number or `labels` are no integers.
    ValueError
        If the shapes do not agree, `divergence` is unknown, or `margin` is not positive or
        not less than the bound of the divergence.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Equations (7), (8), (9), (10).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import forced_apart_loss
    >>> activations = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    >>> forced_apart_loss(activations, margin=1.0)  # two samples are the same
    tensor(1.1111)
    >>> forced_apart_loss(activations, torch.tensor([0, 1, 0]), margin=1.0)
    tensor(1.5000)
    """
    check_margin(margin, divergence)
    check_ndim(activations=activations)
    logits = at_least_single(activations).flatten(1)  # (N, k)
    weight = None
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, logits).detach()
    if labels is None:
        pairs = Pairs([len(logits)], factor=2 / max(1, len(logits)) ** 2)
        weight = None if weight is None else normalized(weight) * len(logits)
    else:
        weight, pairs = _by_label(logits, weight, _checked_labels(labels, logits), divergence)
    return PairwiseHinge.apply(logits, weight, float(margin), divergence, pairs)


def _checked_labels(labels: Tensor, rows: Tensor) -> Tensor:
    if labels.dtype.is_floating_point or labels.dtype.is_complex:
        raise TypeError(f"labels must be a tensor of integers, got {labels.dtype}.")
    if labels.shape != rows.shape[:1]:
        raise ValueError(
            f"labels must hold one label for each of the {len(rows)} samples, got the shape "
            f"{tuple(labels.shape)}."
        )
    return labels.to(rows.device)


def _by_label(
    logits: Tensor, weight: Tensor | None, labels: Tensor, divergence: str
) -> tuple[Tensor | None, Pairs]:
    """Return weights whose mean is 1 in each label, and the pairs with the factors of Eq. 8."""
    # to count the labels on another device would mean to wait for it
    index, sizes = _counted(labels) if labels.device.type == "cpu" else _numbered(labels)
    count = total = sizes.to(logits.dtype)
    if weight is not None:
        total = add_rows_(torch.zeros_like(count), index, weight)
        weight = weight / total.clamp_min(tiny(total))[index] * count[index]
    n_labels = total.count_nonzero().clamp_min(1)
    factor = 2 / (count.square() * n_labels)
    compared = 0 if divergence == "js" else COMPARED_SAMPLES
    return weight, _same_label(index, sizes, factor, max(compared, GROUPED_SAMPLES * len(sizes)))


def _counted(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the labels as 0, 1, 2 ... (N,), and how many samples each has."""
    _, index, sizes = labels.unique(return_inverse=True, return_counts=True)
    return index, sizes


def _numbered(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same with zeros behind the sizes, (N,): their number isn't known."""
    labels, order = labels.sort()
    steps = labels.diff().ne(0).cumsum(0)
    index = torch.zeros_like(order).index_copy_(0, order[1:], steps)
    return index, torch.zeros_like(index).index_add_(0, index, torch.ones_like(index))


def _same_label(index: Tensor, sizes: Tensor, factor: Tensor, grouped_from: int) -> Pairs:
    """Return the pairs of samples with the same label; sizes and factors are those of labels."""
    if len(index) < grouped_from:
        return Pairs([len(index)], labels=index, factor=factor.index_select(0, index))
    index, order = index.sort()
    return Pairs(sizes.tolist(), order=order, factor=factor.index_select(0, index))


# ---------------------------------------------------------------- units


def forced_apart_weight_loss(weight: Tensor, *, margin: float, divergence: str = "kl") -> Tensor:
    r"""Force the weights of the units of a layer apart (Eq. 5, 6, 7).

    The mean over the k (k - 1) ordered pairs of different units of :math:`\max(0, m - D(d_i \|
    d_j))`, where d is the softmax of a row of the weights. The paper has the sum.

    Parameters
    ----------
    weight : Tensor of shape (k, ...)
        Weights of a layer, a row for each unit; further dimensions are flattened.
    margin : float
        Divergence m > 0 from which on two units are far enough apart; less than ln 2 for "js"
        and less than 1 for "hellinger".
    divergence : {"kl", "js", "jeffreys", "hellinger"}, default="kl"
        D; see :func:`forced_apart_loss`.

    Returns
    -------
    Tensor of shape ()
        The loss, between 0 and `margin`. It can be differentiated once.

    Raises
    ------
    TypeError
        If `margin` is no number.
    ValueError
        If there are less than two units, `divergence` is unknown, or `margin` is not positive
        or not less than the bound of the divergence.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Equations (5), (6), (7).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import forced_apart_weight_loss
    >>> forced_apart_weight_loss(torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0]]), margin=3.0)
    tensor(1.)
    """
    check_margin(margin, divergence)
    if weight.ndim < 2 or len(weight) < 2:
        raise ValueError(
            "weight must have a row for each of at least two units, got the shape "
            f"{tuple(weight.shape)}."
        )
    k = len(weight)
    logits = at_least_single(weight).flatten(1)  # (k, inputs)
    pairs = Pairs([k], factor=1 / (k * (k - 1)), itself=False)
    return PairwiseHinge.apply(logits, None, float(margin), divergence, pairs)
